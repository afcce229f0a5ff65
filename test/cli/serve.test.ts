/** What `bifrost serve` says when it has started, and when it could not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { exitCodes } from "../../cli/failure.ts";
import { version } from "../../cli/version.ts";
import type { Served } from "../../daemon/admin/contract/calling.ts";
import { runHere } from "./run-in-process.ts";

const served: Served = {
  url: "http://127.0.0.1:8080",
  home: "/h",
  pid: 7,
  providers: ["openai", "echo"],
  warnings: ["be careful"],
  firstKey: { name: "default", secret: "sk-bf-first" },
  ended: Promise.resolve(0),
};

test("run() serves, and shows the first key once with a line to paste", async () => {
  let asked: unknown;
  const serveForeground = async (options: unknown) => {
    asked = options;
    return served;
  };
  const argv = ["serve", "--home", "/h", "--config", "/c.yaml", "--host", "::1", "--port", "0"];
  const { code, out, err } = await runHere(argv, { home: "/other", daemon: { serveForeground } });
  assert.deepEqual(asked, { home: "/h", config: "/c.yaml", host: "::1", port: 0 });
  assert.deepEqual([code, err], [0, "warning: be careful\n"]);
  assert.match(out, new RegExp(`^bifrost ${version} listening on http://127.0.0.1:8080\n`));
  assert.match(
    out,
    /"default": \$5 a day on real providers, free on echo\. It is shown this once:\n\n {2}sk-bf-first\n/,
  );
  assert.match(
    out,
    /\n {2}curl http:\/\/127\.0\.0\.1:8080\/v1\/chat\/completions -H 'Authorization: Bearer sk-bf-first' /,
  );
  const { firstKey: _, ...again } = served;
  const second = await runHere(argv, { home: "/h", daemon: { serveForeground: async () => again } });
  assert.doesNotMatch(second.out, /key|curl/);
});

test("run() passes the daemon's own exit code on", async () => {
  const serveForeground = async () => ({ ...served, ended: Promise.resolve(1) });
  assert.equal((await runHere(["serve"], { home: "/h", daemon: { serveForeground } })).code, 1);
});

const starts: readonly (readonly [object, number, RegExp])[] = [
  [{ code: "address_in_use", port: 8080 }, exitCodes.taken, /port 8080 is taken by another program\nTry --port 8081/],
  [{ code: "EADDRINUSE", port: 65_535 }, exitCodes.taken, /port 65535 is taken[\s\S]*Try --port 0/],
  [
    { code: "already_running", pid: 42 },
    exitCodes.taken,
    /a daemon \(process 42\) already runs over \/h\nSee it with: bifrost status/,
  ],
  [{ code: "config_invalid" }, exitCodes.checkFailed, /broken\nCheck it with: bifrost config validate/],
  [{}, exitCodes.failure, /^error: broken\n$/],
  [
    { code: "EACCES", message: "EACCES: permission denied, mkdir '/h'" },
    exitCodes.failure,
    /^error: the home \/h may not be written by this user\nName another with --home/,
  ],
  [
    { code: "EACCES", message: "listen EACCES: permission denied 127.0.0.1:80" },
    exitCodes.failure,
    /Ports below 1024 need a privilege/,
  ],
  [{ code: "EADDRNOTAVAIL" }, exitCodes.failure, /is no address of this machine\nTry --host/],
  [{ code: "EEXIST" }, exitCodes.failure, /the home \/h is not a folder/],
  [{ code: "ENOSPC" }, exitCodes.failure, /the home \/h cannot be written: the disk is full/],
];
for (const [fields, code, message] of starts) {
  test(`run() explains a start that fails with ${JSON.stringify(fields)}`, async () => {
    const serveForeground = () => Promise.reject(Object.assign(new Error("broken"), fields));
    const ran = await runHere(["serve"], { home: "/h", daemon: { serveForeground } });
    assert.deepEqual([ran.code, ran.out], [code, ""]);
    assert.match(ran.err, message);
  });
}
