/**
 * Answers questions from read-only connections. Hides that a long one (a whole chain) is done in slices, with the
 * short ones in between.
 */
import { exportPage } from "../audit/export.ts";
import { recordPage } from "../audit/records.ts";
import { createVerifier } from "../audit/verify.ts";
import { stateFile, trafficFile } from "./boot.ts";
import { type Database, openDatabase } from "./database.ts";
import { changedSince } from "./definitions.ts";
import { checkFile, type FileCheck } from "./file-check.ts";
import { lastRecord } from "./last-record.ts";
import { createLedgerChecker } from "./ledger-check.ts";
import { readSums } from "./log-sums.ts";
import { readHoldTargets } from "./open-holds.ts";
import type { KeySpend, Query } from "./queries.ts";
import { settledPage } from "./reprice-page.ts";
import { readContent, readOffload, readPage, readRequest, readSession, readTail } from "./request-log.ts";
import { isQuery, replyFailure, type Tell, type Told } from "./requests.ts";
import { dimensionNumber } from "./rollup-groups.ts";
import { readFacets } from "./rollups.ts";
import { readSorted } from "./sorted-page.ts";
import type { WriterPort } from "./writer-loop.ts";

export type Reader = {
  attach(port: WriterPort): void;
  /** The answer itself, without a port: for a command while no daemon is up. */
  answer(query: Query, tell?: Tell): Promise<unknown>;
  close(): void;
};

const sliceRows = 5_000;
/** Readers wait this long for a lock; in WAL mode there is none but while a log is reset. */
const busyMs = 1_000;

export function createReader(home: string): Reader {
  const state = opener(stateFile(home));
  const traffic = opener(trafficFile(home));
  let closed = false;

  async function answer(query: Query, tell?: Tell): Promise<unknown> {
    switch (query.kind) {
      case "log_page":
        return readPage(traffic.get(), query.filter, query.limit, query.before);
      case "log_sorted":
        return readSorted(traffic.get(), query.filter, query.limit, query.sort, query.before);
      case "log_tail":
        return readTail(traffic.get(), query.filter, query.limit, query.after);
      case "request":
        return readRequest(traffic.get(), query.id);
      case "content":
        return readContent(traffic.get(), query.id);
      case "session":
        return readSession(traffic.get(), query.session, query.limit);
      case "log_sums":
        return readSums(traffic.get(), query.question);
      case "facets":
        return readFacets(traffic.get(), dimensionNumber[query.dimension], query.match, query.limit);
      case "offload":
        return readOffload(traffic.get(), query.contents, query.gone);
      case "audit_export":
        return exportPage(state.get(), query.after, query.limit);
      case "audit_page":
        return recordPage(state.get(), query);
      case "settled_page":
        return settledPage(state.get(), query.after, query.limit, query.sinceMs, query.untilMs);
      case "hold_targets":
        return readHoldTargets(state.get(), query.holdIds);
      case "spend":
        return readSpend(state.get(), query.sinceMs ?? 0);
      case "definitions":
        return changedSince(state.get(), query.since);
      case "audit_verify":
        return sliced((database) => createVerifier(database, query.expected), tell);
      case "ledger_check":
        return sliced((database) => createLedgerChecker(database, query.live), tell);
      case "file_check":
        return checkFiles(tell);
      default:
        throw new TypeError(`unknown query ${(query as { kind: unknown }).kind}`);
    }
  }

  /** On a connection of its own, so that its long read transaction is nobody else's view. */
  async function sliced<Result>(
    begin: (database: Database) => { step(rows: number): Result | undefined; readonly done: () => number },
    tell: Tell | undefined,
  ): Promise<Result> {
    const database = openDatabase(stateFile(home), { readonly: true, busyMs });
    try {
      const work = begin(database);
      // What is written meanwhile is walked too: a total that grows would only make the bar go back.
      const total = tell === undefined ? 0 : lastRecord(database);
      while (!closed) {
        const result = work.step(sliceRows);
        if (result !== undefined) return result;
        tell?.(work.done(), total);
        await new Promise((resolve) => setImmediate(resolve));
      }
      throw new Error("the reader was closed");
    } finally {
      database.close();
    }
  }

  async function checkFiles(tell: Tell | undefined): Promise<readonly FileCheck[]> {
    const open = (path: string): Database => openDatabase(path, { readonly: true, busyMs });
    const found: FileCheck[] = [];
    for (const path of [stateFile(home), trafficFile(home)])
      found.push(await checkFile(path, open, (done, total) => tell?.(done, total)));
    return found;
  }

  function attach(port: WriterPort): void {
    port.on("message", (message) => {
      if (!isQuery(message)) return;
      const { id, query, tells } = message;
      const tell = (done: number, total: number) => port.postMessage({ type: "told", id, done, total } satisfies Told);
      answer(query, tells === true ? tell : undefined).then(
        (value) => port.postMessage({ type: "reply", id, value }),
        (error) => replyFailure(port, id, stateFile(home), error),
      );
    });
  }

  function close(): void {
    closed = true;
    state.close();
    traffic.close();
  }

  return { attach, answer, close };
}

/** Opened when first asked, and again when opening failed: a file may be made later. */
function opener(file: string): { get(): Database; close(): void } {
  let database: Database | undefined;
  return {
    get() {
      database ??= openDatabase(file, { readonly: true, busyMs });
      return database;
    },
    close() {
      database?.close();
      database = undefined;
    },
  };
}

function readSpend(database: Database, sinceMs: number): readonly KeySpend[] {
  return database
    .prepare(
      "SELECT key_id AS keyId, total(cost_nano) AS costNano, total(tokens) AS tokens, count(*) AS records FROM records WHERE key_id > 0 AND at >= ? GROUP BY key_id ORDER BY key_id",
    )
    .all(sinceMs) as KeySpend[];
}
