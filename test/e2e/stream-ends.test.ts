/** How a stream can end that is not its end: told in the caller's dialect, whatever the upstream speaks. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ask, type ClientDialect } from "../support/client.ts";
import { type Daemon, startDaemon } from "../support/daemon.ts";
import { type FaultUpstream, startFaultUpstream } from "../support/fault-upstream.ts";
import { outcome } from "../support/outcome.ts";
import { streamParts, type Wire } from "../support/wire-frames.ts";
import { answerText, type WireFrame } from "../support/wires/wire.ts";

let upstream: FaultUpstream;
let daemon: Daemon;
let key: string;
before(async () => {
  upstream = await startFaultUpstream();
  const provider = (dialect: Wire) => ({ base_url: `${upstream.origin}/v1`, dialect, api_key: "env.UPSTREAM_KEY" });
  daemon = await startDaemon({
    env: { UPSTREAM_KEY: "x" },
    config: {
      server: { keep_alive_comment: "100ms", hold_back: "300ms" },
      providers: { "openai-chat": provider("openai-chat"), anthropic: provider("anthropic") },
    },
  });
  key = await daemon.createKey();
});
after(async () => {
  await daemon?.stop();
  await upstream?.stop();
});

const dialects: readonly ClientDialect[] = ["chat", "messages"];
const wires: readonly Wire[] = ["openai-chat", "anthropic"];

describe("keep-alive", { concurrency: 4 }, () => {
  for (const dialect of dialects) {
    for (const wire of wires) {
      test(`A24 tick() sends comments in the silence, between events only, ${dialect} → ${wire}`, async () => {
        const model = `${wire}/slow+words=3+gap=700`;
        const answer = await ask(daemon.url, { dialect, model, key, stream: true });
        const lines = answer.text.split("\n");
        const comments = lines.flatMap((line, index) => (line.startsWith(":") ? [index] : []));
        assert.ok(comments.length >= 2, answer.text);
        for (const index of comments) {
          assert.equal(lines[index], ": ping");
          assert.ok(lines[index - 1] === "" || lines[index - 1]?.startsWith(":"), "an event ends before it");
          assert.notEqual(lines[index + 1], "", "no empty event after it");
        }
        const seen = outcome(dialect, answer);
        assert.deepEqual([seen.text, seen.terminal, seen.error], ["w0 w1 w2 ", true, undefined]);
      });

      test(`A24 release() commits the status after the hold-back and keeps alive from then on, ${dialect} → ${wire}`, async () => {
        const model = `${wire}/script-late-${dialect}-${wire}`;
        const { preamble, content, finish, terminal } = streamParts(wire, { model: "m" });
        const late = (frame: WireFrame, index: number) => ({
          data: String(frame),
          ...(index === 0 ? { delayMs: 1200 } : {}),
        });
        await upstream.script(`late-${dialect}-${wire}`, {
          status: 200,
          headers: { "content-type": "text/event-stream" },
          chunks: [
            ...preamble.map((data) => ({ data: String(data) })),
            ...[...content, ...finish, ...terminal].map(late),
          ],
        });
        const answer = await ask(daemon.url, { dialect, model, key, stream: true });
        assert.ok(answer.headMs < 1100, `the head came after ${answer.headMs} ms`);
        assert.match(answer.text, /^: ping$/m);
        assert.equal(outcome(dialect, answer).text, answerText);
      });
    }
  }
});

describe("stream ends", { concurrency: 8 }, () => {
  for (const dialect of dialects) {
    for (const wire of wires) {
      for (const model of ["f11-no-finish", "f7-close"]) {
        test(`A20 end() tells a ${dialect} caller that ${wire} ended without a last word (${model})`, async () => {
          const seen = outcome(
            dialect,
            await ask(daemon.url, { dialect, model: `${wire}/${model}`, key, stream: true }),
          );
          assert.equal(seen.status, 200);
          assert.ok(seen.error, "an error was told");
          assert.equal(seen.finish, undefined);
          assert.deepEqual(seen.afterError, dialect === "chat" ? ["[DONE]"] : []);
          assert.equal(seen.ended, "complete");
        });
      }
      test(`A20 end() tells a ${dialect} caller that echo was cut`, async () => {
        const prompt = "#echo words=9 cut=4";
        const seen = outcome(dialect, await ask(daemon.url, { dialect, model: "echo", key, stream: true, prompt }));
        assert.ok(seen.error);
        assert.equal(seen.finish, undefined);
        assert.ok(seen.text.startsWith("the bridge"));
      });
    }

    const preamble = streamParts("openai-chat", { model: "m" }).preamble[0] ?? "";
    const content = streamParts("openai-chat", { model: "m" }).content[0] ?? "";
    const chunk = (choice: object) =>
      `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", choices: [choice] })}\n\n`;
    const inBand: Readonly<Record<string, string>> = {
      "top-level": `data: {"error":{"code":502,"message":"Provider disconnected"}}\n\n`,
      "top-level-beside-choices": `data: {"id":"c","choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}],"error":{"code":502,"message":"Provider disconnected"}}\n\n`,
      "choices-error": chunk({
        index: 0,
        delta: {},
        error: { code: 502, message: "Provider disconnected" },
        finish_reason: null,
      }),
      "finish-reason-error": chunk({ index: 0, delta: {}, finish_reason: "error" }),
    };
    for (const [name, frame] of Object.entries(inBand)) {
      for (const when of ["before", "after"]) {
        test(`A22 decodeStream() finds an error (${name}) ${when} content, ${dialect}`, async () => {
          const id = `${name}-${when}-${dialect}`;
          const frames = when === "before" ? [preamble, frame] : [preamble, content, frame];
          await upstream.script(id, {
            status: 200,
            headers: { "content-type": "text/event-stream" },
            chunks: [...frames, "data: [DONE]\n\n"].map((data) => ({ data: String(data), delayMs: 5 })),
          });
          const model = `openai-chat/script-${id}`;
          const answer = await ask(daemon.url, { dialect, model, key, stream: true });
          const seen = outcome(dialect, answer);
          const [row] = await daemon.rows(model);
          assert.ok(row?.error, "the row has an error");
          if (when === "before") {
            assert.ok(seen.status >= 500, `status ${seen.status}`);
            assert.equal(row?.status, seen.status);
          } else {
            assert.equal(seen.status, 200);
            assert.ok(seen.text.length > 0 && seen.error !== undefined, answer.text);
            assert.ok(seen.finish === undefined || seen.finish === "error", `finish ${seen.finish}`);
          }
        });
      }
    }

    test(`A22 decode() finds an error in a 200 that is not streamed, ${dialect}`, async () => {
      const bodies = [
        '{"error":{"message":"Provider returned error","code":429}}',
        '{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":""},"finish_reason":"error","error":{"code":502,"message":"Provider disconnected"}}]}',
      ];
      for (const [index, body] of bodies.entries()) {
        const id = `whole-${index}-${dialect}`;
        await upstream.script(id, {
          status: 200,
          headers: { "content-type": "application/json", "content-length": String(body.length) },
          chunks: [{ data: body }],
        });
        const answer = await ask(daemon.url, { dialect, model: `openai-chat/script-${id}`, key });
        assert.ok(answer.status >= 429, `${body}: ${answer.status} ${answer.text}`);
        assert.ok(outcome(dialect, answer).error);
      }
    });
  }
});
