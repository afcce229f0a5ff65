/** Gemini's streams without `alt=sse`: one JSON array, whatever the provider speaks, and also when it breaks. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { headersFor, send } from "../support/client.ts";
import { type Daemon, startDaemon } from "../support/daemon.ts";
import { type FaultUpstream, startFaultUpstream } from "../support/fault-upstream.ts";
import { answerText, type Wire } from "../support/wire-frames.ts";

const basePaths = { gemini: "/v1beta", "openai-responses": "/v1", anthropic: "/v1" } as const;
const wires = Object.keys(basePaths) as (keyof typeof basePaths)[];

let upstream: FaultUpstream;
let daemon: Daemon;
let key: string;
before(async () => {
  upstream = await startFaultUpstream();
  const provider = (dialect: keyof typeof basePaths) => ({
    base_url: upstream.origin + basePaths[dialect],
    dialect,
    api_key: "env.UPSTREAM_KEY",
  });
  daemon = await startDaemon({
    env: { UPSTREAM_KEY: "x" },
    config: { providers: Object.fromEntries(wires.map((wire) => [wire, provider(wire)])) },
  });
  key = await daemon.createKey();
});
after(async () => {
  await daemon?.stop();
  await upstream?.stop();
});

type Element = {
  candidates?: { content: { parts: { text: string }[] }; finishReason?: string }[];
  usageMetadata?: { promptTokenCount: number; candidatesTokenCount: number };
  error?: { code: number; status: string };
};

async function ask(wire: Wire, behaviour: string) {
  const model = encodeURIComponent(`${wire}/${behaviour}`);
  const opened = await send(daemon.url, {
    method: "POST",
    path: `/v1beta/models/${model}:streamGenerateContent`,
    headers: headersFor({ dialect: "gemini", key }),
    body: JSON.stringify({ contents: [{ parts: [{ text: "hi" }] }] }),
  });
  const answer = await opened.answer();
  return { answer, elements: JSON.parse(answer.text) as Element[] | Element };
}

describe("streams without events", { concurrency: 4 }, () => {
  for (const wire of wires) {
    test(`element() tells a stream of ${wire} as one array, with its finish and its usage`, async () => {
      for (const behaviour of ["ok", "f10-bytes", "f10-comments"]) {
        const { answer, elements } = await ask(wire, behaviour);
        assert.match(answer.headers["content-type"] ?? "", /^application\/json/);
        assert.ok(Array.isArray(elements));
        const parts = elements.flatMap(({ candidates }) => candidates?.[0]?.content.parts ?? []);
        assert.equal(parts.map(({ text }) => text).join(""), answerText, behaviour);
        assert.equal(elements.at(-1)?.candidates?.[0]?.finishReason, "STOP");
        const { promptTokenCount, candidatesTokenCount } = elements.at(-1)!.usageMetadata!;
        assert.deepEqual([promptTokenCount, candidatesTokenCount], [11, 7]);
      }
    });

    test(`fail() ends the array of a broken stream of ${wire} with the error`, async () => {
      for (const behaviour of ["f7-close", "f7-error-event"]) {
        const { answer, elements } = await ask(wire, behaviour);
        assert.equal(answer.status, 200);
        assert.ok(Array.isArray(elements) && elements.length > 1, answer.text);
        assert.ok((elements.at(-1)?.error?.code ?? 0) >= 500, answer.text);
        assert.ok(elements.every(({ candidates }) => candidates?.[0]?.finishReason === undefined));
      }
    });

    test(`renderFailure() is an object where nothing of ${wire} was told yet`, async () => {
      const { answer, elements } = await ask(wire, "f5-error-after-preamble");
      assert.equal(answer.status, wire === "anthropic" ? 503 : 502);
      assert.equal((elements as Element).error?.status, "UNAVAILABLE");
    });
  }
});
