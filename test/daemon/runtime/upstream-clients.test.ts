/** The stack of connections over real sockets: who waits, who is skipped, what is replaced and what is closed. */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { afterEach, beforeEach, test } from "node:test";
import type { Dispatcher } from "undici";
import type { ProviderData } from "../../../daemon/config/generation.ts";
import { loadConfig } from "../../../daemon/config/load.ts";
import type { Call } from "../../../daemon/runtime/origin.ts";
import { Origins } from "../../../daemon/runtime/upstream-clients.ts";
import { until } from "../../support/until.ts";
import { startUpstream, type Upstream } from "../pipeline/lab.ts";

let upstream: Upstream;
let origins: Origins;
/** Answers not yet given, by path. */
let open: Map<string, ServerResponse>;
beforeEach(async () => {
  open = new Map();
  origins = new Origins();
  upstream = await startUpstream((request, response) => open.set(request.url ?? "", response));
});
afterEach(async () => {
  origins.retain([]);
  await upstream.stop();
});

async function provider(more: object = {}): Promise<ProviderData> {
  const loaded = await loadConfig({
    text: JSON.stringify({ providers: { up: { base_url: upstream.origin, ...more } } }),
    path: "/c.yaml",
    environment: {},
    number: 1,
  });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded.data.providers.find(({ name }) => name === "up")!;
}

type Sent = Call & { cancelled: boolean; ended: string; abort(): void };

/** A call that releases its connection as an attempt does. */
function call(path: string): Sent {
  let controller: Dispatcher.DispatchController | undefined;
  const sent: Sent = {
    options: { path, method: "POST", body: Buffer.from("{}") } as Dispatcher.DispatchOptions,
    cancelled: false,
    release: undefined,
    ended: "",
    onRequestStart(started) {
      controller = started;
    },
    onResponseStart() {},
    onResponseData() {},
    onResponseEnd() {
      sent.ended = "end";
      sent.release?.(true);
    },
    onResponseError() {
      sent.ended ||= "error";
      sent.release?.(false);
    },
    abort() {
      sent.ended = "abort";
      sent.release?.(false);
      controller?.abort(new Error("enough"));
    },
  };
  return sent;
}

const arrived = (path: string) => until(path, () => open.has(path));
async function finish(path: string, one: Sent): Promise<void> {
  open.get(path)!.end("{}");
  await until(`the end of ${path}`, () => one.ended !== "");
}

test("Origin uses the connection that was free last, and opens another only when none is", async () => {
  const origin = origins.get(await provider());
  for (const path of ["/1", "/2", "/3"]) {
    const one = call(path);
    assert.equal(origin.dispatch(one), true);
    await arrived(path);
    await finish(path, one);
  }
  assert.equal(upstream.sockets.size, 1);
  const both = [call("/4"), call("/5")];
  for (const one of both) origin.dispatch(one);
  await Promise.all([arrived("/4"), arrived("/5")]);
  assert.equal(upstream.sockets.size, 2);
  await finish("/4", both[0]!);
  await finish("/5", both[1]!);
});

test("Origin lets four times as many wait as may be served, in order, and refuses the next", async () => {
  const origin = origins.get(await provider({ connections_max: 1 }));
  const calls = Array.from({ length: 5 }, (_, index) => call(`/${index}`));
  assert.deepEqual(
    calls.map((one) => origin.dispatch(one)),
    [true, true, true, true, true],
  );
  assert.equal(origin.dispatch(call("/refused")), false);
  // One that has left makes room.
  calls[2]!.cancelled = true;
  const last = call("/last");
  assert.equal(origin.dispatch(last), true);
  for (const [path, one] of [
    ["/0", calls[0]],
    ["/1", calls[1]],
    ["/3", calls[3]],
    ["/4", calls[4]],
    ["/last", last],
  ] as const) {
    await arrived(path);
    await finish(path, one!);
  }
  assert.deepEqual(
    upstream.seen.map(({ path }) => path),
    ["/0", "/1", "/3", "/4", "/last"],
  );
  assert.equal(upstream.sockets.size, 1);
});

test("Origin skips who left while waiting", async () => {
  const origin = origins.get(await provider({ connections_max: 1 }));
  const calls = [call("/0"), call("/1"), call("/2")];
  for (const one of calls) origin.dispatch(one);
  await arrived("/0");
  calls[1]!.cancelled = true;
  await finish("/0", calls[0]!);
  await arrived("/2");
  await finish("/2", calls[2]!);
  assert.deepEqual([upstream.seen.length, calls[1]!.release], [2, undefined]);
});

for (const how of ["abort", "reset"] as const) {
  test(`Origin replaces a connection after ${how === "abort" ? "an abort of ours" : "a reset"}, and serves who waits`, async () => {
    const origin = origins.get(await provider({ connections_max: 1 }));
    const calls = [call("/0"), call("/1")];
    for (const one of calls) origin.dispatch(one);
    await arrived("/0");
    const [before] = upstream.sockets;
    if (how === "abort") calls[0]!.abort();
    else before!.resetAndDestroy();
    await arrived("/1");
    assert.notEqual([...upstream.sockets].at(-1), before);
    await finish("/1", calls[1]!);
    await until("one connection", () => upstream.sockets.size === 1);
    assert.deepEqual(
      calls.map(({ ended }) => ended),
      [how === "abort" ? "abort" : "error", "end"],
    );
  });
}

test("Origin counts a release once, however often it is told", async () => {
  const origin = origins.get(await provider({ connections_max: 1 }));
  const calls = [call("/0"), call("/1"), call("/2")];
  for (const one of calls) origin.dispatch(one);
  await arrived("/0");
  await finish("/0", calls[0]!);
  calls[0]!.release?.(true);
  calls[0]!.release?.(false);
  await arrived("/1");
  assert.deepEqual([upstream.sockets.size, open.has("/2")], [1, false]);
  await finish("/1", calls[1]!);
  await arrived("/2");
  await finish("/2", calls[2]!);
});

test("Origin forgets a free connection that the upstream closes", async () => {
  const origin = origins.get(await provider({ connections_max: 1 }));
  const one = call("/0");
  origin.dispatch(one);
  await arrived("/0");
  await finish("/0", one);
  for (const socket of upstream.sockets) socket.end();
  await until("no connection", () => upstream.sockets.size === 0);
  const two = call("/1");
  origin.dispatch(two);
  await arrived("/1");
  await finish("/1", two);
  assert.equal(two.ended, "end");
});

test("Origin serves who waits though each answer closes its connection", async () => {
  const origin = origins.get(await provider({ connections_max: 1 }));
  const calls = Array.from({ length: 4 }, (_, index) => call(`/${index}`));
  for (const one of calls) origin.dispatch(one);
  for (const [index, one] of calls.entries()) {
    await arrived(`/${index}`);
    open.get(`/${index}`)!.setHeader("connection", "close");
    await finish(`/${index}`, one);
  }
  assert.deepEqual(
    calls.map(({ ended }) => ended),
    ["end", "end", "end", "end"],
  );
});

test("Origins keep a connection over a reload, and close what nobody uses once its calls have ended", async () => {
  const data = await provider();
  const origin = origins.get(data);
  origins.retain([data]);
  assert.equal(origins.get(await provider({ models: ["x"] })), origin);
  const other = await provider({ connections_max: 3 });
  assert.notEqual(origins.get(other), origin);
  const [idle, busy] = [call("/idle"), call("/busy")];
  origin.dispatch(idle);
  origin.dispatch(busy);
  await Promise.all([arrived("/idle"), arrived("/busy")]);
  await finish("/idle", idle);
  origins.retain([other]);
  await until("the free one closed", () => upstream.sockets.size === 1);
  const late = call("/late");
  assert.equal(origin.dispatch(late), true, "a fallback of a request of the old generation");
  await arrived("/late");
  await finish("/late", late);
  await finish("/busy", busy);
  assert.deepEqual([busy.ended, late.ended], ["end", "end"]);
  await until("all closed", () => upstream.sockets.size === 0);
});
