import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { requestFor, runLoad, tryOnce } from "../../bench/client.ts";
import { cpuMicroseconds, memory, withChildren } from "../../bench/process.ts";
import { median, paired, quantile, spread } from "../../bench/statistics.ts";

const upstream = fileURLToPath(new URL("../../bench/upstream.ts", import.meta.url));

async function withUpstream(use: (port: number) => Promise<void>): Promise<void> {
  const child = spawn(process.execPath, [upstream], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  try {
    const port = await new Promise<number>((resolve) =>
      child.stdout.once("data", (line) => resolve(Number(String(line)))),
    );
    await use(port);
  } finally {
    child.kill();
    await ended;
  }
}

for (const path of ["/v1/chat/completions", "/v1/messages"]) {
  test(`runLoad() counts whole answers of ${path}, and each frame of a stream once`, async () => {
    await withUpstream(async (port) => {
      const whole = await runLoad({ port, request: requestFor(port, path, "bench"), concurrency: 4, durationMs: 100 });
      assert.deepEqual([whole.failures, whole.firstFailure], [0, undefined]);
      assert.ok(whole.requests > 10 && whole.latencies.length === whole.requests);
      assert.equal(whole.firstFrames.length, 0);

      const request = requestFor(port, path, "stream-8-20", { stream: true });
      const streamed = await runLoad({ port, request, concurrency: 2, durationMs: 1 });
      assert.deepEqual([streamed.requests, streamed.failures, streamed.firstFrames.length], [2, 0, 2]);
      assert.ok(streamed.gaps.length > 0 && streamed.gaps.length <= 14, `${streamed.gaps.length} gaps`);
      assert.ok((streamed.latencies[0] ?? 0) >= 7 * 15, `${streamed.latencies[0]} ms`);
    });
  });
}

test("requestFor() makes a body of just the size that was asked for", () => {
  const request = requestFor(1, "/v1/chat/completions", "m", { bytes: 1_024, key: "k" }).toString();
  const [head = "", body = ""] = request.split("\r\n\r\n");
  assert.equal(body.length, 1_024);
  assert.match(head, /\r\ncontent-length: 1024(\r\n|$)/);
  assert.match(head, /\r\nauthorization: Bearer k\r\n/);
  assert.equal((JSON.parse(body) as { model: string }).model, "m");
});

test("tryOnce() is undefined where nobody listens", async () => {
  assert.equal(await tryOnce(1, Buffer.from("GET / HTTP/1.1\r\n\r\n")), undefined);
});

test("cpuMicroseconds() and memory() see this process", () => {
  const before = cpuMicroseconds(process.pid);
  const until = performance.now() + 120;
  while (performance.now() < until);
  const spent = cpuMicroseconds(process.pid) - before;
  assert.ok(spent >= 20_000, `${spent} µs`);
  assert.ok(memory(process.pid).residentMb > 10 && withChildren(process.pid).includes(process.pid));
});

test("quantile(), spread() and paired() leave out what is unknown", () => {
  assert.deepEqual([quantile([], 0.5), quantile([1, 2, 3, 4], 0.5), quantile([1, 2, 3, 4], 0.99)], [undefined, 2, 4]);
  assert.deepEqual(spread([3, undefined, 1]), { median: 2, low: 1, high: 3 });
  assert.equal(median([undefined]), undefined);
  assert.deepEqual(
    paired([4, undefined, 9], [2, 1, 3], (left, right) => left / right),
    [2, undefined, 3],
  );
});
