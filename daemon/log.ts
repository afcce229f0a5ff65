/** The daemon's own log: what happened to the daemon, never what was said through it. Hides format, level, file, and its rotation. */
import { closeSync, existsSync, fstatSync, openSync, renameSync, writeSync } from "node:fs";

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFields = Readonly<Record<string, unknown>>;
export type Log = Readonly<Record<LogLevel, (message: string, fields?: LogFields) => void>> & {
  /** After a reload. */
  use(settings: LogSettings): void;
  close(): void;
};

export type LogSettings = {
  readonly level: LogLevel;
  readonly format: "json" | "text";
  /** Absent: standard error. */
  readonly file?: string | undefined;
  /** A file that has this many bytes is set aside, and so many are kept. */
  readonly rotateBytes?: number;
  readonly rotateKeep?: number;
};

const order: readonly LogLevel[] = ["debug", "info", "warn", "error"];
const standardError = 2;
/** A line is cut here: one bad value must not fill the disk. */
const lineCharactersMax = 16_384;

export function openLog(settings: LogSettings, now: () => Date = () => new Date()): Log {
  let current = settings;
  let descriptor = open(settings.file);
  let bytes = sizeOf(descriptor);

  function write(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (order.indexOf(level) < order.indexOf(current.level)) return;
    const time = now().toISOString();
    const line =
      current.format === "json"
        ? JSON.stringify({ time, level, message, ...fields })
        : `${time} ${level.padEnd(5)} ${message}${Object.entries(fields).map(pair).join("")}`;
    try {
      bytes += writeSync(descriptor, `${line.slice(0, lineCharactersMax)}\n`);
      if (bytes >= (current.rotateBytes ?? Number.POSITIVE_INFINITY)) turnOver();
    } catch {
      // A full disk or a closed terminal must not stop the daemon; there is nowhere left to say so.
    }
  }

  function turnOver(): void {
    const { file, rotateKeep = 1 } = current;
    if (file === undefined) return;
    for (let number = rotateKeep; number > 0; number--) {
      const older = number === 1 ? file : `${file}.${number - 1}`;
      if (existsSync(older)) renameSync(older, `${file}.${number}`);
    }
    const opened = open(file);
    closeFile(descriptor);
    descriptor = opened;
    bytes = 0;
  }

  return {
    debug: (message, fields) => write("debug", message, fields),
    info: (message, fields) => write("info", message, fields),
    warn: (message, fields) => write("warn", message, fields),
    error: (message, fields) => write("error", message, fields),
    use(next) {
      if (next.file !== current.file) {
        const opened = open(next.file);
        closeFile(descriptor);
        descriptor = opened;
        bytes = sizeOf(descriptor);
      }
      current = next;
    },
    close: () => closeFile(descriptor),
  };
}

function open(file: string | undefined): number {
  return file === undefined ? standardError : openSync(file, "a", 0o600);
}

function sizeOf(descriptor: number): number {
  return descriptor === standardError ? 0 : fstatSync(descriptor).size;
}

function closeFile(descriptor: number): void {
  if (descriptor !== standardError) closeSync(descriptor);
}

function pair([name, value]: [string, unknown]): string {
  return ` ${name}=${typeof value === "string" ? value : JSON.stringify(value)}`;
}
