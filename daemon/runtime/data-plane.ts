/**
 * Thread main of a data-plane worker. It starts before the daemon knows its config: loading the code takes as long as
 * opening the databases, and the two go side by side.
 */
import { type MessagePort, parentPort } from "node:worker_threads";
import { loadPatterns } from "../governance/model-patterns.ts";
import { loadCompiler } from "../routing/compiler.ts";
import { runWorker } from "./worker.ts";
import type { WorkerData } from "./worker-protocol.ts";

const parent = parentPort as MessagePort;
parent.once("message", (data: WorkerData) => {
  if (data.generation.routing.rules.length === 0 && !data.patterns) runWorker(parent, data, undefined);
  else void runWithEngines(data);
});

/** What is said while the engines of rules and of model lists load is heard afterwards. */
async function runWithEngines(data: WorkerData): Promise<void> {
  const held: unknown[] = [];
  const hold = (message: unknown): void => {
    held.push(message);
  };
  parent.on("message", hold);
  const compile = await loadCompiler(data.generation);
  if (data.patterns) await loadPatterns();
  parent.off("message", hold);
  runWorker(parent, data, compile);
  for (const message of held) parent.emit("message", message);
}
