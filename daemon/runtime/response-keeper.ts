/**
 * A worker's way to the responses that are kept. Hides the thread that has the file open, which starts with the first
 * question, and that what is to be kept is not waited for.
 */
import type { Worker } from "node:worker_threads";
import { GatewayError } from "../../providers/gateway-error.ts";
import type { BatchFile } from "../store/batch-files.ts";
import type { BatchNote } from "../store/batches.ts";
import type { FilmNote } from "../store/films.ts";
import type { KeptItem, KeptResponse } from "../store/kept-responses.ts";
import type { Owner } from "../store/object-owners.ts";

/** Questions that wait for the thread; one more is refused, and what was to be kept is not. */
const waitingMax = 1_024;
/** A longer response, with its input, is not kept. */
export const keptBytesMax = 4 * 1024 * 1024;

export type ToKeeper =
  | { readonly type: "get"; readonly number: number; readonly id: string; readonly keyId: number }
  | {
      readonly type: "items" | "foreign_kept";
      readonly number: number;
      readonly ids: readonly string[];
      readonly keyId: number;
    }
  | { readonly type: "put"; readonly number: number; readonly kept: KeptResponse }
  | { readonly type: "remove"; readonly number: number; readonly id: string; readonly keyId: number }
  | ({ readonly number: number } & (AboutObjects | AboutNotes));

/** What is asked of a provider's files and batches; see `store/object-owners.ts`. */
export type AboutObjects =
  | {
      readonly type: "claim" | "own";
      readonly provider: string;
      readonly ids: readonly string[];
      readonly owner: Owner;
    }
  | { readonly type: "foreign" | "where"; readonly ids: readonly string[]; readonly owner: Owner }
  | { readonly type: "forget"; readonly provider: string; readonly id: string };

/** What is remembered of the things themselves. A batch is known by its own id and by those of the files with its results. */
export type NoteOf = { readonly film: FilmNote; readonly batch: BatchNote; readonly batch_file: BatchFile };
export type NoteKind = keyof NoteOf;

export type AboutNotes =
  | {
      readonly type: "note";
      readonly of: NoteKind;
      readonly provider: string;
      readonly ids: readonly string[];
      readonly note: NoteOf[NoteKind];
    }
  | {
      readonly type: "find_note";
      readonly of: NoteKind;
      readonly provider: string | undefined;
      readonly id: string;
    };

export type KeeperAnswer = {
  readonly number: number;
  readonly kept?: KeptResponse | undefined;
  readonly items?: readonly KeptItem[];
  readonly removed?: boolean;
  readonly ids?: readonly string[];
  readonly note?: NoteOf[NoteKind] | undefined;
  readonly failed?: string;
};

export type ResponseKeeper = {
  get(id: string, keyId: number): Promise<KeptResponse | undefined>;
  /** Pieces of what the key has; see `store/kept-responses.ts`. */
  items(ids: readonly string[], keyId: number): Promise<readonly KeptItem[]>;
  /** Of these ids the ones of other keys' responses and their pieces. */
  foreign(ids: readonly string[], keyId: number): Promise<readonly string[]>;
  /** False: there is no room, or it is too long. */
  put(kept: KeptResponse): boolean;
  remove(id: string, keyId: number): Promise<boolean>;
  /** Resolves with the ids that were asked for, when the file has it. */
  objects(about: AboutObjects): Promise<readonly string[]>;
  /** Resolves when the file has it. `ids`: as the provider knows it. */
  note<Of extends NoteKind>(of: Of, provider: string, ids: readonly string[], note: NoteOf[Of]): Promise<void>;
  /** Undefined: nothing is known of it. Of a provider that is not told: if only one has such an id. */
  findNote<Of extends NoteKind>(of: Of, provider: string | undefined, id: string): Promise<NoteOf[Of] | undefined>;
};

type Waiting = { readonly resolve: (answer: KeeperAnswer) => void; readonly reject: (error: GatewayError) => void };

export function createResponseKeeper(start: () => Worker): ResponseKeeper {
  const waiting = new Map<number, Waiting>();
  let thread: Worker | undefined;
  let last = 0;

  function ask(question: Omit<ToKeeper, "number"> & { type: ToKeeper["type"] }): Promise<KeeperAnswer> {
    return new Promise((resolve, reject) => {
      if (waiting.size >= waitingMax) {
        reject(unavailable("too many wait for the kept responses"));
        return;
      }
      const number = ++last;
      waiting.set(number, { resolve, reject });
      thread ??= begin();
      thread.postMessage({ ...question, number });
    });
  }

  function begin(): Worker {
    const worker = start();
    worker.on("message", (answer: KeeperAnswer) => {
      const asked = waiting.get(answer.number);
      waiting.delete(answer.number);
      if (answer.failed === undefined) asked?.resolve(answer);
      else asked?.reject(unavailable(answer.failed));
    });
    worker.on("error", () => {}); // "exit" follows
    worker.on("exit", () => {
      thread = undefined;
      for (const { reject } of waiting.values()) reject(unavailable("the kept responses cannot be read"));
      waiting.clear();
    });
    worker.unref(); // nobody waits for it alone
    return worker;
  }

  return {
    get: async (id, keyId) => (await ask({ type: "get", id, keyId } as ToKeeper)).kept,
    items: async (ids, keyId) => (await ask({ type: "items", ids, keyId } as ToKeeper)).items ?? [],
    foreign: async (ids, keyId) => (await ask({ type: "foreign_kept", ids, keyId } as ToKeeper)).ids ?? [],
    put(kept) {
      if (kept.input.length + kept.response.length > keptBytesMax || waiting.size >= waitingMax) return false;
      ask({ type: "put", kept } as ToKeeper).catch(() => {}); // it was offered, not promised
      return true;
    },
    remove: async (id, keyId) => (await ask({ type: "remove", id, keyId } as ToKeeper)).removed === true,
    objects: async (about) => (await ask(about as ToKeeper)).ids ?? [],
    note: async (of, provider, ids, note) => void (await ask({ type: "note", of, provider, ids, note } as ToKeeper)),
    findNote: async <Of extends NoteKind>(of: Of, provider: string | undefined, id: string) =>
      (await ask({ type: "find_note", of, provider, id } as ToKeeper)).note as NoteOf[Of] | undefined,
  };
}

function unavailable(why: string): GatewayError {
  return new GatewayError("database_unavailable", `kept responses are not available now: ${why}`, {
    source: "gateway",
    retryAfterMs: 1000,
  });
}
