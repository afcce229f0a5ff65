/**
 * Moves what was said from traffic.db to a folder or a bucket, and takes it away there when its row goes. Hides that
 * nothing is lost on the way: a text leaves the database only when the store has it.
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
  pending(limit: number): Promise<QueryAnswer["offload"]>;
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
  const store = openObjectStore(options.settings);
  store.catch(() => undefined); // told when it is used
  let waitMs = lookMs;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  let working: Promise<void> = Promise.resolve();
  schedule(0);

  function schedule(ms: number): void {
    if (closed) return;
    timer = setTimeout(() => {
      working = round();
    }, ms).unref();
  }

  async function round(): Promise<void> {
    try {
      const moved = await move(await store);
      waitMs = lookMs;
      schedule(moved === perRound ? 0 : waitMs);
    } catch (error) {
      options.warn("what was said could not be offloaded; it stays in traffic.db and is tried again", {
        error: String(error),
      });
      waitMs = Math.min(waitMs * 2, waitMsMax);
      schedule(waitMs);
    }
  }

  async function move(objects: ObjectStore): Promise<number> {
    const { contents, gone } = await options.pending(perRound);
    for (const { id, at, request, response } of contents) {
      if (closed) return 0;
      const name = objectName(id, at);
      await objects.put(name, await pack(JSON.stringify({ request, response })));
      await options.execute({ kind: "offloaded", id, object: name });
    }
    for (const name of gone) await objects.remove(name);
    if (gone.length > 0) await options.execute({ kind: "objects_deleted", objects: gone });
    return Math.max(contents.length, gone.length);
  }

  return {
    async read(object) {
      const bytes = await unpack(await (await store).get(object), { maxOutputLength: textBytesMax });
      const { request, response } = JSON.parse(bytes.toString("utf8")) as Awaited<ReturnType<ObjectReader>>;
      return { request, response };
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      await working;
    },
  };
}
