/** Lists that come in pages: what is asked of the daemon for what is shown. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readPages } from "../../cli/list-pages.ts";
import type { KeyListAnswer, KeyView } from "../../daemon/admin/contract/keys.ts";
import { openLab } from "../daemon/admin/admin-lab.ts";

test("readPages() asks for no more rows than are shown, and tells how many there are", async () => {
  const lab = openLab();
  const asked: string[] = [];
  const client = {
    async call<Answer>(method: string, path: string, { query }: { query: Record<string, unknown> }) {
      const said = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
      asked.push(said.join("&"));
      const answer = await lab.ask({ method, path: `${path}?${said.join("&")}` });
      return ("body" in answer ? answer.body : undefined) as Answer;
    },
  };
  const list = async (limit: number, query = {}) => {
    asked.length = 0;
    return readPages<KeyView, KeyListAnswer>(client as never, "/api/keys", limit, query, ({ keys }) => keys);
  };
  try {
    for (let number = 0; number < 1_100; number++)
      lab.writer.execute(
        {
          ...{ kind: "create_key", publicId: `key_${number}`, name: `k${number}`, prefix: "sk" },
          ...{ hash: Buffer.alloc(32, `${number}`.padStart(32, "0")), policy: { models: ["*"] } },
        },
        "test",
      );
    const few = await list(7);
    assert.deepEqual([few.rows.length, few.total, asked], [7, 1_100, ["limit=7"]]);
    const most = await list(1_050);
    assert.deepEqual(
      [most.rows.length, asked.map((query) => query.split("&")[0])],
      [1_050, ["limit=1000", "limit=50"]],
    );
    const all = await list(Number.POSITIVE_INFINITY);
    assert.deepEqual([all.rows.length, asked.length], [1_100, 2]);
    const found = await list(1_000, { search: "k109" });
    assert.deepEqual([found.rows.length, found.total, asked], [11, 11, ["search=k109&limit=1000"]]);
    assert.equal((await lab.ask({ method: "DELETE", path: "/api/keys/k1" })).status, 200);
    assert.equal((await list(1)).total, 1_099, "counted anew after a change");
  } finally {
    await lab.close();
  }
});
