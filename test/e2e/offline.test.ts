/** A host that has never seen the internet. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { binaryOf } from "../support/binary.ts";
import type { Scene } from "../support/offline-scene.ts";

const namespace = process.getuid?.() === 0 ? ["-n"] : ["-r", "-n"];
const can =
  spawnSync("unshare", [...namespace, "true"]).status === 0 && spawnSync("strace", ["-qq", "true"]).status === 0;

test("G1 the bundle installs, serves a local upstream and passes its check-up where there is no route, and dials nobody else", {
  skip: can ? false : "needs unshare (network namespaces), iproute2 and strace",
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "bf-off-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const scene = join(import.meta.dirname, "../support/offline-scene.ts");
  const played = spawnSync("unshare", [...namespace, process.execPath, scene, await binaryOf("first"), folder], {
    encoding: "utf8",
    timeout: 180_000,
  });
  assert.equal(played.status, 0, played.stderr);
  const { outside, installed, answers, doctor, egress, exit, destinations } = JSON.parse(played.stdout) as Scene;
  assert.match(outside, /ENETUNREACH|EHOSTUNREACH/, "the scene has a route");
  assert.equal(installed, 0, played.stderr);
  assert.equal(answers.length, 20);
  for (const { status, text } of answers) assert.ok(status === 200 && text.includes("from this machine"), text);
  assert.equal(doctor.code, 0, doctor.said);
  assert.match(egress, /"egress": ?"closed"/);
  assert.equal(exit, 0, played.stderr);
  const away = destinations.filter(
    (each) => !/^AF_UNIX|^AF_NETLINK|^AF_UNSPEC|^AF_INET 127\.|^AF_INET6 ::1$/.test(each),
  );
  assert.deepEqual(away, []);
  assert.ok(
    destinations.some((each) => each.startsWith("AF_INET 127.")),
    "the upstream is among what was traced",
  );
});
