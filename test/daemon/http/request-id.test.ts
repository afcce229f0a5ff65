import assert from "node:assert/strict";
import { test } from "node:test";
import { createRequestIds, requestIdLength, timeOfRequest, workerOfRequest } from "../../../daemon/http/request-id.ts";

test("createRequestIds() makes distinct ids that sort in the order of their making", () => {
  let nowMs = Date.UTC(2026, 10, 23);
  const next = createRequestIds(3, () => nowMs);
  const ids: string[] = [];
  for (let i = 0; i < 5_000; i++) {
    if (i % 1_500 === 0) nowMs += i % 3_000 === 0 ? 1 : -7; // the clock is set back now and then
    ids.push(next());
  }
  assert.equal(new Set(ids).size, ids.length);
  assert.deepEqual(ids.toSorted(), ids);
  for (const id of ids) assert.match(id, /^req_[0-9A-HJKMNP-TV-Z]{26}$/);
  assert.equal(ids[0]?.length, requestIdLength);
});

test("createRequestIds() tells workers and milliseconds apart", () => {
  const [early, other, late] = [
    createRequestIds(0, () => 5),
    createRequestIds(1023, () => 5),
    createRequestIds(0, () => 40),
  ];
  assert.deepEqual(
    [early(), other(), late()].map((id) => id.slice(0, 20)),
    ["req_0000000005000000", "req_0000000005ZZ0000", "req_0000000018000000"],
  );
  assert.throws(() => createRequestIds(1024), RangeError);
});

test("workerOfRequest() reads what createRequestIds() wrote, also from a hold of a further attempt", () => {
  for (const worker of [0, 1, 31, 32, 1023]) {
    const id = createRequestIds(worker)();
    assert.deepEqual([workerOfRequest(id), workerOfRequest(`${id}:2`)], [worker, worker]);
  }
  for (const strange of ["", "req_", "admin-1", `msg_${"0".repeat(26)}`])
    assert.equal(workerOfRequest(strange), undefined);
});

test("timeOfRequest() tells when a request was named, and nothing of what is no id of ours", () => {
  const nowMs = Date.UTC(2026, 10, 23);
  assert.equal(timeOfRequest(createRequestIds(7, () => nowMs)()), nowMs);
  for (const id of ["", "req_x", "req_!!!!!!!!!!0000000000000000", "chatcmpl-123456789012345678901234"])
    assert.equal(timeOfRequest(id), undefined);
});
