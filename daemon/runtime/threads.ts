/** Starting threads by name. Hides where their code lies, so that a bundle can put it elsewhere. */
import { Worker, type WorkerOptions } from "node:worker_threads";
import { compiledEnvironment } from "./compiled.ts";

const sources = {
  "data-plane": () => new URL("./data-plane.ts", import.meta.url),
  "state-writer": () => new URL("./state-writer.ts", import.meta.url),
  "traffic-writer": () => new URL("./traffic-writer.ts", import.meta.url),
  reader: () => new URL("./reader.ts", import.meta.url),
  credentials: () => new URL("../credentials/thread.ts", import.meta.url),
  translator: () => new URL("./translator-thread.ts", import.meta.url),
  responses: () => new URL("./responses-thread.ts", import.meta.url),
} as const;

export type ThreadName = keyof typeof sources;

export function startThread(name: ThreadName, workerData: object = {}, env: NodeJS.ProcessEnv = {}): Worker {
  // The single binary puts the thread's code here, where otherwise its address stands.
  const source: URL | string = sources[name]();
  return new Worker(source, {
    workerData,
    name,
    eval: typeof source === "string",
    // Messages carry what a thread needs to know; the environment may hold secrets it does not.
    env: { ...compiledEnvironment(), ...env },
    resourceLimits: { maxOldGenerationSizeMb, ...limits[name] },
  });
}

/**
 * A little less than where V8 begins to give each thread its own copy of its machine code, 2 MB resident, so that calls
 * into it are short; no request costs more without. No thread comes near it: bodies and tables lie outside the heap.
 */
const maxOldGenerationSizeMb = 2_047;

/** Megabytes, three semi-spaces each. A small young generation keeps the resident set flat; the writers hold batches, not graphs. */
const limits: Partial<Record<ThreadName, WorkerOptions["resourceLimits"]>> = {
  "data-plane": { maxYoungGenerationSizeMb: 48 },
  "state-writer": { maxYoungGenerationSizeMb: 4 },
  "traffic-writer": { maxYoungGenerationSizeMb: 4 },
  reader: { maxYoungGenerationSizeMb: 4 },
};
