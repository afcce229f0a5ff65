import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import type { ProviderData } from "../../../daemon/config/generation.ts";
import type { Call } from "../../../daemon/runtime/origin.ts";
import { Origins } from "../../../daemon/runtime/upstream-clients.ts";
import { until } from "../../support/until.ts";

test("dispatch() behind a proxy sends connections_max at once, lets four times as many wait, and skips who has left", async (t) => {
  const answers: http.ServerResponse[] = [];
  const paths: string[] = [];
  const proxy = http.createServer((request, response) => {
    paths.push(new URL(request.url ?? "").pathname);
    answers.push(response);
  });
  await once(proxy.listen(0, "127.0.0.1"), "listening");
  t.after(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  const provider = {
    ...({ baseUrl: "http://upstream.test/v1", tls: { rejectUnauthorized: true } } as ProviderData),
    proxy: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    connectionsMax: 1,
  };
  const origin = new Origins().get(provider);
  const calls = Array.from({ length: 7 }, (_, number) => {
    const call: Call & { cancelled: boolean } = {
      options: { path: `/${number}`, method: "GET" },
      cancelled: false,
      release: undefined,
      onRequestStart: () => undefined,
      onResponseStart: () => undefined,
      onResponseData: () => undefined,
      onResponseEnd: () => call.release?.(true),
      onResponseError: (_, error) => assert.fail(error),
    };
    return call;
  });
  assert.deepEqual(
    calls.slice(0, 6).map((call) => origin.dispatch(call)),
    [true, true, true, true, true, false],
  );
  calls[2]!.cancelled = true;
  assert.equal(origin.dispatch(calls[6]!), true, "the place of one that has left");
  for (let served = 1; served <= 5; served += 1) {
    await until("the next request", () => answers.length === served);
    answers[served - 1]!.end("ok");
  }
  assert.deepEqual(paths, ["/0", "/1", "/3", "/4", "/6"]);
});

test("dispatch() fails the calls of a proxy that cannot be used, and the process lives", async () => {
  const provider = {
    ...({ baseUrl: "http://upstream.test/v1", tls: { rejectUnauthorized: true } } as ProviderData),
    ...{ proxy: "gopher://127.0.0.1:70", connectionsMax: 1 },
  };
  const failures: Error[] = [];
  const call: Call = {
    options: { path: "/", method: "GET" },
    ...{ cancelled: false, release: undefined },
    onRequestStart: () => undefined,
    onResponseStart: () => undefined,
    onResponseData: () => undefined,
    onResponseEnd: () => assert.fail("nobody answers"),
    onResponseError: (_, error) => void failures.push(error),
  };
  const origin = new Origins().get(provider);
  for (const asked of [1, 2]) {
    assert.equal(origin.dispatch(call), true);
    await until("its failure", () => failures.length === asked);
  }
});
