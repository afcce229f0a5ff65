import assert from "node:assert/strict";
import { test } from "node:test";
import { changes, fields, later, reads, strict } from "../../../daemon/admin/route.ts";

test("a route makes its schema when it is first asked, and once", () => {
  const made: string[] = [];
  const shared = later(() => {
    made.push("shared");
    return strict<{ n: number }>({ n: fields.count(1, 2) });
  });
  const described = { path: "/", permission: "status:read", summary: "" } as const;
  const one = reads<{ n: number }>({ ...described, method: "GET", query: shared, run: async () => null });
  const other = changes<{ n: number }, string>({
    ...{ ...described, method: "POST", action: "a.b", body: shared, run: async () => null },
    query: () => {
      made.push("own");
      return fields.text(3);
    },
  });
  assert.deepEqual(made, []);
  assert.equal(one.query?.safeParse({ n: 1 }).success, true);
  assert.equal(one.query?.safeParse({ n: 3 }).success, false);
  assert.equal(other.body, one.query);
  assert.equal(other.query, other.query);
  assert.deepEqual(made, ["shared", "own"]);
});
