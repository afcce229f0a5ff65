/** Clients that hang up: one row each, and what had been produced is paid for. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { KeyAnswer, KeySecretAnswer } from "../../daemon/admin/contract/keys.ts";
import { ask, begin, type ClientDialect, open } from "../support/client.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { type FaultUpstream, startFaultUpstream } from "../support/fault-upstream.ts";
import { pause } from "../support/until.ts";

let upstream: FaultUpstream;
let daemon: Daemon;
let key: string;
before(async () => {
  upstream = await startFaultUpstream();
  const provider = (dialect: string) => ({ base_url: `${upstream.origin}/v1`, dialect, api_key: "env.UPSTREAM_KEY" });
  const impatient = {
    ...provider("openai-chat"),
    timeouts: { first_byte_stream: "100ms", first_byte: "150ms", idle: "100ms" },
  };
  daemon = await startDaemon({
    env: { UPSTREAM_KEY: "x" },
    config: {
      ledger: patientLedger,
      providers: { "openai-chat": provider("openai-chat"), anthropic: provider("anthropic"), impatient },
      prices: {
        "openai-chat/*": { input: 1, output: 5 },
        "anthropic/*": { input: 1, output: 5 },
        "impatient/*": { input: 1, output: 5 },
      },
    },
  });
  key = await daemon.createKey({ budget: "1000/1d" });
});
after(async () => {
  await daemon?.stop();
  await upstream?.stop();
});

const dialects: readonly ClientDialect[] = ["chat", "messages"];
/** The last word stands alone for longer, or on a busy machine the answer would be complete before the client has left. */
const chunks: readonly [name: string, needle: string | undefined, pace: string][] = [
  ["0", undefined, "words=30+gap=50"],
  ["1", "w0 ", "words=30+gap=50"],
  ["k", "w7 ", "words=30+gap=50"],
  ["last", "w2 ", "words=3+gap=1000"],
];
let cells = 0;

describe("abort", { concurrency: 8 }, () => {
  for (const dialect of dialects) {
    for (const wire of ["openai-chat", "anthropic"]) {
      for (const [chunk, needle, pace] of chunks) {
        test(`A5 settle() after an abort at chunk ${chunk}, ${dialect} → ${wire}: one row, 499, estimated`, async () => {
          const behaviour = `slow+${pace}+cell=${++cells}`;
          const model = `${wire}/${behaviour}`;
          if (needle === undefined) {
            const begun = begin(daemon.url, { dialect, model, key, stream: true });
            await upstream.call(behaviour);
            begun.abort();
          } else {
            const opened = await open(daemon.url, { dialect, model, key, stream: true });
            await opened.until(needle);
            opened.abort();
          }
          await daemon.rows(model);
          await pause(50);
          const rows = await daemon.rows(model);
          assert.deepEqual([rows.length, rows[0]?.status, rows[0]?.error], [1, 499, "client_closed_request"]);
          assert.ok(rows[0]?.flags.includes("estimated"), `flags ${rows[0]?.flags}`);
          assert.ok((rows[0]?.cost_nano ?? 0) > 0, "what was sent and produced has a price");
        });
      }
    }
  }

  test("A16 settle() gives every place back after 200 timeouts", async () => {
    const limited = await daemon.admin<KeySecretAnswer>("POST", "/api/keys", {
      ...{ name: "timed", concurrency_max: 200, budgets: [{ limit_nano: 1e12, window: { kind: "forever" } }] },
    });
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) => {
        const [dialect, wire] = [dialects[index % 2] ?? "chat", index % 3 === 0 ? "f2-head-only" : "f2-silent"];
        return ask(daemon.url, { dialect, model: `impatient/${wire}`, key: limited.secret, stream: index % 4 < 2 });
      }),
    );
    const outcomes = new Set(answers.map(({ status, ended }) => `${status} ${ended}`));
    assert.ok(![...outcomes].some((each) => each === "200 complete" || each.startsWith("429")), [...outcomes].join());
    await daemon.settled();
    const { key: after } = await daemon.admin<KeyAnswer>("GET", "/api/keys/timed");
    assert.deepEqual([after.in_flight, after.budgets[0]?.held_nano], [0, 0]);
  });

  test("A16 settle() gives every place back after 200 aborts", async () => {
    await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const dialect = dialects[index % 2] ?? "chat";
        const begun = begin(daemon.url, { dialect, model: "openai-chat/f13-drip+gap=10+many", key, stream: true });
        await pause(index % 60);
        begun.abort();
      }),
    );
    await daemon.settled();
    const status = await daemon.admin<{ workers: { requests_in_flight: number }[] }>("GET", "/api/status");
    assert.deepEqual(
      status.workers.map((worker) => worker.requests_in_flight),
      [0],
    );
  });
});
