/** Which of two releases is the later. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compareVersions } from "../../../daemon/bundle/manifest.ts";

test("compareVersions() orders as semantic versioning does", () => {
  const ordered = [
    "0.9.0",
    "0.10.0-alpha",
    "0.10.0-alpha.1",
    "0.10.0-alpha.2",
    "0.10.0-beta",
    "0.10.0-rc.10",
    "0.10.0",
    "1.0.0",
    "1.0.10",
  ];
  const mixed = ordered.toReversed().toSorted(compareVersions);
  assert.deepEqual(mixed, ordered);
  for (const version of ordered) assert.equal(compareVersions(version, version), 0);
});
