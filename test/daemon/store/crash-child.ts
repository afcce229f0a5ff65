/** Run by crash.test.ts: holds and settles through a real writer thread without end, and notes what it was acknowledged. */
import { openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { MessageChannel, Worker } from "node:worker_threads";
import { stateFile } from "../../../daemon/store/boot.ts";
import { settlementWidth } from "../../../daemon/store/rows.ts";
import { createSender } from "../../../daemon/store/sender.ts";
import { createStatus } from "../../../daemon/store/writer-status.ts";
import { hold, settlement } from "./fixtures.ts";

const [home, boot] = process.argv.slice(2) as [string, string];
const worker = new Worker(new URL("../../../daemon/runtime/state-writer.ts", import.meta.url), {
  workerData: { file: stateFile(home), status: createStatus() },
});
const { port1, port2 } = new MessageChannel();
worker.postMessage({ type: "port", port: port2 }, [port2]);
const sender = createSender(port1, Number(boot) * 1000 + 1, { width: settlementWidth, whenFull: "keep" });
const notes = openSync(join(home, "acknowledged"), "a");

for (let request = 0; ; request += 1) {
  const id = `b${boot}-${request}`;
  sender.pushHold(...hold(id, Date.now()));
  await sender.durable();
  writeSync(notes, `held ${id}\n`);
  sender.push(...settlement(id, Date.now()));
  if (request % 5 === 4) worker.postMessage({ type: "command", id: 1, actor: "test", command: { kind: "checkpoint" } });
  if (request % 3 === 0) continue; // travels with the next hold
  await sender.durable();
  writeSync(notes, `settled ${id}\n`);
  process.stdout.write("\n");
}
