/**
 * Moves what was said from traffic.db to a folder or a bucket, and takes it away there when its row goes. Hides that
 * nothing is lost on the way: a text leaves the database only when the store has it. Moving and taking away do not wait
 * for each other: a store that lets us write and not delete is a usual one.
 */
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import type { ObjectReader } from "../admin/services/log-view.ts";
import type { OffloadData } from "../config/telemetry-data.ts";
import type { QueryAnswer } from "../store/queries.ts";
import type { TrafficCommand } from "../store/requests.ts";
import { type ObjectStore, objectName, openObjectStore } from "./object-store.ts";

export type OffloadOptions = {
  readonly settings: OffloadData;
  /** So many texts at most that are still to be moved, and objects that are to be deleted. */
  pending(contents: number, gone: number): Promise<QueryAnswer["offload"]>;
  execute(command: TrafficCommand): Promise<unknown>;
  warn(message: string, fields: Readonly<Record<string, unknown>>): void;
};

export type Offload = {
  readonly read: ObjectReader;
  close(): Promise<void>;
};

const lookMs = 2_000;
/** After a failure the wait doubles up to this. */
const waitMsMax = 60_000;
const perRound = 50;
const textBytesMax = 256 * 1024 * 1024;
const pack = promisify(gzip);
const unpack = promisify(gunzip);

export function startOffload(options: OffloadOptions): Offload {
  const leaving = new AbortController();
  const store = openObjectStore(options.settings, leaving.signal);
  store.catch(() => undefined); // told when it is used
  const loops = [
    startLoop(options, leaving.signal, {
      work: async () => move(await store),
      failed: "what was said could not be offloaded; it stays in traffic.db and is tried again",
    }),
    startLoop(options, leaving.signal, {
      work: async () => takeAway(await store),
      failed: "objects whose rows are gone could not be deleted; they stay where they are, and it is tried again",
    }),
  ];

  async function move(objects: ObjectStore): Promise<number> {
    const { contents } = await options.pending(perRound, 0);
    for (const { id, at, request, response } of contents) {
      if (leaving.signal.aborted) return 0;
      const name = objectName(id, at);
      await objects.put(name, await pack(JSON.stringify({ request, response })));
      await options.execute({ kind: "offloaded", id, object: name });
    }
    return contents.length;
  }

  async function takeAway(objects: ObjectStore): Promise<number> {
    const { gone } = await options.pending(0, perRound);
    for (const name of gone) {
      if (leaving.signal.aborted) return 0;
      await objects.remove(name);
      await options.execute({ kind: "objects_deleted", objects: [name] });
    }
    return gone.length;
  }

  return {
    async read(object) {
      const bytes = await unpack(await (await store).get(object), { maxOutputLength: textBytesMax });
      const { request, response } = JSON.parse(bytes.toString("utf8")) as Awaited<ReturnType<ObjectReader>>;
      return { request, response };
    },
    async close() {
      leaving.abort();
      await Promise.all(loops.map((loop) => loop.close()));
    },
  };
}

/** Rounds follow each other at once while there is much to do; after a failure each waits twice as long as the last. */
function startLoop(
  { warn }: OffloadOptions,
  leaving: AbortSignal,
  { work, failed }: { readonly work: () => Promise<number>; readonly failed: string },
): { close(): Promise<void> } {
  let waitMs = lookMs;
  let timer: NodeJS.Timeout | undefined;
  let working: Promise<void> = Promise.resolve();
  schedule(0);

  function schedule(ms: number): void {
    if (leaving.aborted) return;
    timer = setTimeout(() => {
      working = round();
    }, ms).unref();
  }

  async function round(): Promise<void> {
    try {
      const done = await work();
      waitMs = lookMs;
      schedule(done === perRound ? 0 : waitMs);
    } catch (error) {
      if (leaving.aborted) return;
      warn(failed, { error: String(error) });
      waitMs = Math.min(waitMs * 2, waitMsMax);
      schedule(waitMs);
    }
  }

  return {
    async close() {
      clearTimeout(timer);
      await working;
    },
  };
}
