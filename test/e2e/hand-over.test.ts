/** The program starts anew over the same port: requests go on, one process after the other, and none is refused. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import http from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import type { AdminAddress } from "../../daemon/admin/contract/calling.ts";
import { ask } from "../support/client.ts";
import { patientLedger, startDaemon } from "../support/daemon.ts";
import { outcome } from "../support/outcome.ts";
import { until } from "../support/until.ts";

const clients = 12;
const handOvers = 2;

for (const workers of [1, 2]) {
  test(`restart() under load fails no request and loses no money, with ${workers} worker(s)`, async (t) => {
    const daemon = await startDaemon({ config: { ledger: patientLedger, server: { workers } } });
    t.after(() => existsSync(daemon.home) && daemon.cli("stop", "--drain", "1s")); // whichever process it is by then
    const secret = await daemon.createKey({ name: "load", budget: "1000/1d" });
    const agent = new http.Agent({ keepAlive: true });
    const failures: string[] = [];
    let running = true;
    let answered = 0;
    const client = async (number: number): Promise<void> => {
      const stream = number % 3 === 0;
      const prompt = stream ? "#echo words=5 gap=20ms" : "hello";
      while (running) {
        const question = {
          dialect: "chat",
          model: "echo-paid",
          key: secret,
          stream,
          prompt,
          maxTokens: 20,
          agent,
        } as const;
        const answer = await ask(daemon.url, question).catch((error: unknown) => String(error));
        const seen = typeof answer === "string" ? answer : outcome("chat", answer);
        if (typeof seen === "string") failures.push(seen);
        else if (seen.ended !== "complete" || seen.error !== undefined) failures.push(JSON.stringify(seen));
        answered += 1;
      }
    };
    const load = Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
    const addressFile = join(daemon.home, "admin.json"); // between two processes there is none
    const holder = () => existsSync(addressFile) && (JSON.parse(readFileSync(addressFile, "utf8")) as AdminAddress).pid;
    const pids = new Set([daemon.pid]);
    let firstEnded: Promise<unknown> | undefined;
    for (let turn = 0; turn < handOvers; turn++) {
      const before = answered;
      await until("some requests", () => answered > before + 3 * clients, 30_000);
      if (turn === 0) firstEnded = daemon.kill("SIGUSR2");
      else assert.equal((await daemon.cli("restart")).code, 0);
      const next = await until(
        "another process",
        () => {
          const pid = holder();
          return pid !== false && !pids.has(pid) && pid;
        },
        30_000,
      );
      pids.add(next);
    }
    const before = answered;
    await until("more requests", () => answered > before + 3 * clients, 30_000);
    running = false;
    await load;
    agent.destroy();
    assert.deepEqual(failures.slice(0, 5), []);
    assert.equal(pids.size, handOvers + 1);
    await daemon.settled();
    assert.equal((await daemon.cli("audit", "verify")).code, 0);
    assert.equal((await daemon.cli("stop")).code, 0);
    await firstEnded;
    await daemon.stop();
  });
}
