/** Thread main of the keeper of responses: one question at a time, answered in its order. */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { openKeptResponses } from "../store/kept-responses.ts";
import type { KeeperAnswer, ToKeeper } from "./response-keeper.ts";

const parent = parentPort as MessagePort;
const { file } = workerData as { readonly file: string };
const kept = openKeptResponses(file, Date.now);

parent.on("message", (asked: ToKeeper) => {
  let answer: KeeperAnswer;
  try {
    switch (asked.type) {
      case "get":
        answer = { number: asked.number, kept: kept.get(asked.id, asked.keyId) };
        break;
      case "put":
        kept.put(asked.kept);
        answer = { number: asked.number };
        break;
      case "remove":
        answer = { number: asked.number, removed: kept.remove(asked.id, asked.keyId) };
        break;
    }
  } catch (error) {
    answer = { number: asked.number, failed: error instanceof Error ? error.message : String(error) };
  }
  parent.postMessage(answer);
});
