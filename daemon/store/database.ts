/**
 * Opens a SQLite file the one way we open them. Hides the driver, where its native part comes from, and the driver's
 * many error codes: a caller sees a database or a `database_unavailable`.
 */
import { chmodSync, closeSync, existsSync, openSync, statSync } from "node:fs";
import { basename } from "node:path";
import SqliteDatabase from "better-sqlite3";
import { GatewayError } from "../../providers/gateway-error.ts";

export type Database = SqliteDatabase.Database;
export type Statement = SqliteDatabase.Statement<unknown[]>;

/** Why a database does not serve; each has its own remedy. */
export type DatabaseFault = "locked" | "full" | "corrupt" | "read_only" | "unreadable";

export type OpenOptions = {
  readonly readonly?: boolean;
  /** FULL survives a power cut, NORMAL a killed process. */
  readonly synchronous?: "FULL" | "NORMAL";
  /** How long a statement waits for another process's lock. */
  readonly busyMs?: number;
  /** A new file is laid out so that free pages can be given back while it is in use. */
  readonly shrinks?: boolean;
};

/** Only the owner reads a file that holds key hashes and prices. */
const fileMode = 0o600;
const busyMsDefault = 200;
/** A write-ahead log that grew in a burst is cut back to this at the next checkpoint. */
const journalBytesMax = 64 * 1024 * 1024;

/**
 * The driver's native part, where it is not to be found by the driver itself: the single binary carries it along. A
 * thread has its own.
 */
function carriedAddon(): object | undefined {
  const carrier = (globalThis as Record<symbol, unknown>)[Symbol.for("bifrost.binary")] as
    | { native(name: string): object }
    | undefined;
  return carrier?.native("better_sqlite3.node");
}

export function openDatabase(file: string, options: OpenOptions = {}): Database {
  try {
    return open(file, options);
  } catch (error) {
    throw asDatabaseError(error, file);
  }
}

function open(file: string, options: OpenOptions): Database {
  const readonly = options.readonly === true;
  if (!readonly) {
    createPrivate(file);
  }
  const database = connect(file, readonly, options.busyMs ?? busyMsDefault);
  try {
    if (!readonly) {
      if (options.shrinks === true) database.pragma("auto_vacuum = INCREMENTAL"); // nothing, once it has a table
      database.pragma("journal_mode = WAL");
      database.pragma(`synchronous = ${options.synchronous ?? "FULL"}`);
      database.pragma(`journal_size_limit = ${journalBytesMax}`);
    } else {
      database.prepare("SELECT count(*) FROM sqlite_schema").get(); // a file that is no database is found here, not at the first query
    }
    database.pragma("foreign_keys = OFF");
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** A file that only serves to be locked: no write-ahead log, so that an exclusive transaction excludes everybody, and no waiting. */
export function openLockDatabase(file: string): Database {
  try {
    createPrivate(file);
    return connect(file, false, 0);
  } catch (error) {
    throw asDatabaseError(error, file);
  }
}

function connect(file: string, readonly: boolean, timeout: number): Database {
  const nativeBinding = carriedAddon();
  return new SqliteDatabase(file, {
    readonly,
    fileMustExist: true,
    timeout,
    ...(nativeBinding === undefined ? {} : { nativeBinding: nativeBinding as unknown as string }),
  });
}

/**
 * Throws when the path no longer leads to the file that is open. SQLite goes on writing into a file that was removed,
 * and all of it would be gone with the process. A file that is moved back is the same again.
 */
export function guardFile(database: Database): () => void {
  const file = database.name;
  const identity = () => {
    const found = statSync(file, { throwIfNoEntry: false });
    return found === undefined ? "none" : `${found.dev}:${found.ino}`;
  };
  const opened = identity();
  return () => {
    if (identity() === opened) return;
    const words = `${basename(file)} was removed or replaced while in use; put it back, or stop the daemon`;
    const cause = Object.assign(new Error(words), { code: "ENOENT" });
    throw new GatewayError("database_unavailable", words, { source: "gateway", cause });
  };
}

/**
 * Created by us, so that the log files beside it inherit the mode. An existing file is never opened here: closing a
 * second descriptor of it would drop the locks of every connection in this process.
 */
function createPrivate(file: string): void {
  if (existsSync(file)) chmodSync(file, fileMode);
  else closeSync(openSync(file, "ax", fileMode));
}

/** Which fault an error of the driver or the file system tells; undefined: not a database's fault but a bug. */
export function databaseFault(error: unknown): DatabaseFault | undefined {
  if (error instanceof GatewayError && error.code === "database_unavailable") return databaseFault(error.details.cause);
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED")) return "locked";
  if (code === "SQLITE_FULL" || code === "ENOSPC" || code === "EDQUOT") return "full";
  if (code.startsWith("SQLITE_CORRUPT") || code === "SQLITE_NOTADB") return "corrupt";
  if (code.startsWith("SQLITE_READONLY") || code === "EROFS") return "read_only";
  if (/^SQLITE_(IOERR|CANTOPEN|PERM|AUTH|PROTOCOL|NOMEM)/.test(code)) return "unreadable";
  if (code === "EACCES" || code === "EPERM" || code === "ENOENT" || code === "EIO" || code === "EMFILE") {
    return "unreadable";
  }
  return undefined;
}

const advice: Readonly<Record<DatabaseFault, string>> = {
  locked: "is locked by another process; end it or wait",
  full: "cannot grow: the disk is full",
  corrupt: "is damaged; restore a backup or move the file away",
  read_only: "cannot be written: the file or its file system is read-only",
  unreadable: "cannot be opened or read",
};

/** The driver's error as ours; anything that is no database fault comes back unchanged. */
export function asDatabaseError(error: unknown, file: string): unknown {
  if (error instanceof GatewayError) return error;
  const fault = databaseFault(error);
  if (fault === undefined) return error;
  return new GatewayError("database_unavailable", `${basename(file)} ${advice[fault]}`, {
    source: "gateway",
    cause: error,
  });
}
