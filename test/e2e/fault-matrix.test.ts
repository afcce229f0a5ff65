/** Client dialects × upstream dialects × faults, against a real daemon and an upstream that really misbehaves. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import type { LogRow } from "../../daemon/admin/contract/logs.ts";
import { ask, type Begun, begin, type Caller } from "../support/client.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { type FaultUpstream, startFaultUpstream } from "../support/fault-upstream.ts";
import { outcome } from "../support/outcome.ts";
import type { Outcome } from "../support/seen.ts";
import { pause, until } from "../support/until.ts";
import { streamParts, type Wire, wires } from "../support/wire-frames.ts";
import { answerText } from "../support/wires/wire.ts";
import {
  cellName,
  clients,
  expectationOf,
  type FaultCase,
  faultCases,
  isMeaningless,
  isPlayed,
  type Mode,
  type PlainExpectation,
} from "./fault-cases.ts";

let upstream: FaultUpstream;
let daemon: Daemon;
let key: string;
let cells = 0;

/** What comes before the paths of a vendor's API. */
const basePaths: Readonly<Record<Wire, string>> = {
  "openai-chat": "/v1",
  "openai-responses": "/v1",
  anthropic: "/v1",
  gemini: "/v1beta",
  "bedrock-converse": "",
  cohere: "/v2",
};
/** How each dialect says that an answer came to its end. */
const endings: Readonly<Record<Caller, string>> = {
  chat: "stop",
  messages: "end_turn",
  responses: "completed",
  gemini: "STOP",
  converse: "end_turn",
  cohere: "COMPLETE",
};

before(async () => {
  upstream = await startFaultUpstream();
  const provider = (wire: Wire, origin: string, timeouts = {}) => ({
    base_url: `${origin}${basePaths[wire]}`,
    dialect: wire,
    api_key: "env.UPSTREAM_KEY",
    timeouts,
  });
  // Of a stream that stalls the first byte must come, however slow the machine.
  const short = { first_byte: "400ms", first_byte_stream: "400ms", idle: "400ms" };
  const providers = wires.flatMap((wire) => [
    [wire, provider(wire, upstream.origin)],
    [`${wire}-short`, provider(wire, upstream.origin, short)],
    [`${wire}-idle`, provider(wire, upstream.origin, { idle: "400ms" })],
    [`${wire}-refused`, provider(wire, upstream.closedOrigin)],
  ]);
  const prices = providers.map(([name]) => [`${String(name)}/*`, { input: 1, output: 5 }]);
  daemon = await startDaemon({
    env: { UPSTREAM_KEY: "upstream-secret" },
    config: {
      ledger: patientLedger,
      providers: Object.fromEntries(providers),
      prices: Object.fromEntries(prices),
    },
  });
  key = await daemon.createKey({ budget: "1000/1d" });
});
after(async () => {
  try {
    await daemon?.settled();
  } finally {
    await daemon?.stop();
    await upstream?.stop();
  }
});

describe("fault matrix", { concurrency: 8 }, () => {
  for (const client of clients) {
    for (const wire of wires) {
      for (const [number, fault] of faultCases.entries()) {
        if (!isPlayed(client, wire, number) || isMeaningless(fault, wire)) continue;
        for (const mode of fault.modes) {
          test(cellName(fault.fault, client, wire, mode, fault.behaviour), () => playCell(client, wire, mode, fault));
        }
      }
    }
  }
});

// One at a time: these are about time.
describe("clients that leave or linger", { concurrency: 1 }, () => {
  afterEach(() => {
    for (const { abort } of asked.splice(0)) abort();
  });
  for (const client of clients) {
    for (const [number, wire] of wires.entries()) {
      if (!isPlayed(client, wire, number)) continue;
      for (const mode of ["stream", "whole"] as const) {
        test(cellName("F13", client, wire, mode, "leaves-before-first-byte"), () =>
          bestOfThree(() => leavesBefore(client, wire, mode)),
        );
      }
      test(cellName("F13", client, wire, "stream", "leaves-after-first-byte"), () =>
        bestOfThree(() => leavesAfter(client, wire)),
      );
      test(cellName("F13", client, wire, "stream", "leaves-at-the-end"), () =>
        bestOfThree(() => leavesAtTheEnd(client, wire)),
      );
      test(cellName("F14", client, wire, "stream", "reads-slowly"), () => bestOfThree(() => readsSlowly(client, wire)));
    }
  }
});

async function playCell(client: Caller, wire: Wire, mode: Mode, fault: FaultCase): Promise<void> {
  const expect = expectationOf(fault, client, wire, mode);
  const model = modelFor(wire, fault.behaviour, fault.patience);
  const stream = mode === "stream";
  const answer = await ask(daemon.url, { dialect: client, model, key, stream });
  const seen = outcome(client, answer);
  const [row] = await daemon.rows(model);
  assert.ok(row);
  const retryAfter = answer.headers["retry-after"];
  checkCell(client, mode, fault, expect, seen, row, retryAfter);

  const rescued = modelFor(wire, fault.behaviour, fault.patience);
  const fallback = `${wire}/ok+cell=${++cells}`;
  const second = outcome(
    client,
    await ask(daemon.url, { dialect: client, model: rescued, key, stream, body: { fallbacks: [fallback] } }),
  );
  const [secondRow] = await daemon.rows(rescued);
  if (expect.kind === "refused") {
    assert.deepEqual([second.status, second.text, second.error], [200, answerText, undefined], "a fallback saves it");
    assert.equal(secondRow?.target, fallback);
    assert.deepEqual([secondRow?.status, secondRow?.error], [200, null]);
    assert.ok(secondRow?.flags.includes("fallback"), "the row says that a fallback was used");
  } else {
    assert.equal((await upstream.calls(fallback.slice(wire.length + 1))).length, 0, "nobody else was tried");
  }
}

function checkCell(
  client: Caller,
  mode: Mode,
  fault: FaultCase,
  expect: PlainExpectation,
  seen: Outcome,
  row: LogRow,
  retryAfter: string | undefined,
): void {
  assert.equal(seen.ended, "complete", "the client's connection was not cut");
  switch (expect.kind) {
    case "refused":
      assert.equal(seen.status, expect.status, JSON.stringify(seen.error));
      checkError(client, seen, expect.codes);
      if (expect.retryAfter !== undefined) assert.equal(retryAfter, expect.retryAfter);
      assert.deepEqual(
        [row.status, expect.codes.some((code) => code === row.error)],
        [seen.status, true],
        `row error ${row.error}`,
      );
      return;
    case "broken":
      assert.equal(seen.status, 200);
      assert.ok(seen.text !== "" && answerText.startsWith(seen.text), `what had come was told: ${seen.text}`);
      checkError(client, seen, expect.codes);
      assert.equal(seen.finish, undefined, "a broken answer never gives a finish reason");
      assert.deepEqual(seen.afterError, client === "chat" || client === "cohere" ? ["[DONE]"] : []);
      assert.ok(row.flags.includes("truncated"), `flags ${row.flags}`);
      assert.ok(row.flags.includes("estimated"), `what a broken stream used is not known: flags ${row.flags}`);
      assert.ok(
        expect.codes.some((code) => code === row.error),
        `row error ${row.error}`,
      );
      return;
    case "answered":
      assert.deepEqual([seen.status, seen.error], [200, undefined]);
      if (fault.fault === "F15") assert.equal(seen.text.length, 4 * 2 ** 20);
      else assert.equal(seen.text, answerText);
      assert.equal(seen.finish, endings[client]);
      assert.deepEqual([row.status, row.error], [200, null]);
      if (expect.usage === "known" && mode === "stream") assert.deepEqual([row.tokens_in, row.tokens_out], [11, 7]);
      if (expect.usage === "unknown") assert.ok(row.flags.includes("estimated"), `flags ${row.flags}`);
      if (client === "chat" && mode === "stream") assert.equal(seen.usage, undefined, "usage was not asked for");
      return;
  }
}

const lastWordTellsUsage: ReadonlySet<Wire> = new Set(["openai-responses", "bedrock-converse", "cohere"]);

/** Where a dialect has words of its own for what went wrong, and no place for ours. */
const ownTypes: Readonly<Partial<Record<Caller, readonly string[]>>> = {
  messages: ["api_error", "overloaded_error", "rate_limit_error", "timeout_error", "authentication_error"],
  converse: [
    "modelStreamErrorException",
    "modelTimeoutException",
    "serviceUnavailableException",
    "throttlingException",
    "internalServerException",
  ],
};

function checkError(client: Caller, seen: Outcome, codes: readonly string[]): void {
  assert.ok(seen.error, "there is an error");
  assert.ok(seen.error.message.length > 0);
  assert.match(seen.error.requestId ?? "", /\S/, "the error names its request");
  const own = ownTypes[client];
  if (own === undefined) assert.ok(codes.includes(seen.error.code ?? ""), `code ${seen.error.code} of ${codes}`);
  else
    assert.ok(
      own.some((type) => type.toLowerCase() === seen.error!.type.toLowerCase()),
      `type ${seen.error.type}`,
    );
  if (codes.includes("upstream_timeout"))
    assert.match(seen.error.message, /first byte|idle|no byte|silen/i, "names its timer");
}

const closedMsMax = 100;

class TooLate extends Error {}

/** The processor is shared with whoever else runs: a late close counts when it is late three times. */
async function bestOfThree(play: () => Promise<void>): Promise<void> {
  for (let left = 2; ; left -= 1) {
    try {
      return await play();
    } catch (error) {
      if (!(error instanceof TooLate) || left === 0) throw error;
    }
  }
}

/** Of the cell that is played. One that failed must not leave them: the upstream is silent for as long as they stay. */
const asked: Begun[] = [];

function asking(client: Caller, model: string, mode: Mode): Begun {
  const begun = begin(daemon.url, { dialect: client, model, key, stream: mode === "stream" });
  asked.push(begun);
  return begun;
}

async function leavesBefore(client: Caller, wire: Wire, mode: Mode): Promise<void> {
  const model = modelFor(wire, "f2-silent");
  const { abort } = asking(client, model, mode);
  await upstream.call(behaviourOf(model));
  await leftBehind(model, abort());
}

async function leavesAfter(client: Caller, wire: Wire): Promise<void> {
  const model = modelFor(wire, "f13-drip");
  const answer = await asking(client, model, "stream").head;
  await answer.until("d1 ");
  await leftBehind(model, answer.abort());
}

/** Usage and finish reason have passed: only the last word is missing, so nothing need be estimated. */
async function leavesAtTheEnd(client: Caller, wire: Wire): Promise<void> {
  const model = modelFor(wire, "f13-hold-end");
  const answer = await asking(client, model, "stream").head;
  await answer.until("日本");
  // Up to the gate: the head, every part but the last word.
  const { preamble, content, finish } = streamParts(wire, { model: "m", includeUsage: true });
  const told = 1 + preamble.length + content.length + finish.length;
  await upstream.call(behaviourOf(model), (call) => call.steps > told);
  await leftBehind(model, answer.abort(), { usageKnown: !lastWordTellsUsage.has(wire) });
}

async function leftBehind(model: string, leftAt: number, { usageKnown = false } = {}): Promise<void> {
  const gone = await upstream.call(behaviourOf(model), (call) => call.clientLeftAt !== undefined);
  const tookMs = (gone.clientLeftAt ?? 0) - leftAt;
  const rows = await daemon.rows(model);
  assert.deepEqual([rows.length, rows[0]?.status, rows[0]?.error], [1, 499, "client_closed_request"]);
  assert.equal(rows[0]?.flags.includes("estimated"), !usageKnown, `flags ${rows[0]?.flags}`);
  if (tookMs > closedMsMax) throw new TooLate(`the upstream's socket closed ${tookMs} ms after the client left`);
}

/** A reader that takes 1 KB a tenth of a second: what it does not take must stay with the upstream. */
async function readsSlowly(client: Caller, wire: Wire): Promise<void> {
  const model = modelFor(wire, "f14-flood+mb=64");
  const before = daemon.rssBytes();
  const { response, abort } = await asking(client, model, "stream").head;
  response.removeAllListeners("data");
  response.pause();
  let last = 0;
  const call = await until("the upstream to be held back", async () => {
    response.read(1024);
    await pause(100);
    const [now] = await upstream.calls(behaviourOf(model));
    const written = now?.bytesWritten ?? 0;
    const stuck = written > 0 && written === last;
    last = written;
    return stuck && now;
  });
  assert.ok(call.bytesWritten < 16 * 2 ** 20, `${call.bytesWritten} bytes were taken for a reader that takes none`);
  const grownMb = (daemon.rssBytes() - before) / 2 ** 20;
  assert.ok(grownMb < 64, `the daemon grew by ${grownMb} MB`);
  await leftBehind(model, abort());
}

/** Unlike any other cell's, so that its row and its call are found by it. */
function modelFor(wire: Wire, behaviour: string, patience?: FaultCase["patience"]): string {
  const provider = behaviour === "refused" ? `${wire}-refused` : patience === undefined ? wire : `${wire}-${patience}`;
  return `${provider}/${behaviour}+cell=${++cells}`;
}

function behaviourOf(model: string): string {
  return model.slice(model.indexOf("/") + 1);
}
