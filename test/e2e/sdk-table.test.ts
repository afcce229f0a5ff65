/**
 * Every SDK, this major and the one before, with every case, by changing its base URL and key and nothing else. A cell
 * that is not played has a reason in its driver, and the table in `docs/clients.md` is this one.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { type Lab, startLab, upstreams } from "../support/sdk-lab.ts";
import { cases } from "../support/sdks/driver.ts";
import { drivers, sdkTable } from "../support/sdks/index.ts";
import { playsOf } from "../support/sdks/plays.ts";

let lab: Lab;
before(async () => {
  lab = await startLab();
});
after(() => lab?.stop());

describe("the table", { concurrency: 8 }, () => {
  for (const driver of drivers) {
    for (const wire of upstreams) {
      describe(`${driver.name} ${driver.version} → ${wire}`, () => {
        const slug = `${driver.name}-${driver.version}-${wire}`.replaceAll(/[^a-zA-Z0-9.-]+/g, "-");
        for (const one of cases) {
          const reason = driver.without?.[one];
          const name = one === "slow stream" ? "A24 slow stream, and one cut at every byte" : one;
          test(name, { skip: reason ?? false }, () =>
            playsOf(lab, { origin: lab.anthropicBase, slug })[one](driver, wire),
          );
        }
      });
    }
  }
});

test("the table has two versions of every SDK, and a reason for every hole", () => {
  const versions = Map.groupBy(drivers, ({ name }) => name);
  for (const [name, all] of versions) assert.equal(new Set(all.map(({ version }) => version)).size, 2, name);
  for (const { name, without = {} } of drivers)
    for (const [one, reason] of Object.entries(without)) assert.ok(reason.length > 30, `${name}, ${one}: ${reason}`);
});

test("docs/clients.md has this table (UPDATE=1 writes it)", () => {
  const file = new URL("../../docs/clients.md", import.meta.url);
  const page = readFileSync(file, "utf8");
  const [begin, end] = ["<!-- sdk table -->\n", "\n<!-- end of sdk table -->"];
  const from = page.indexOf(begin) + begin.length;
  const until = page.indexOf(end);
  assert.ok(from > begin.length && until > from, "the page has a place for the table");
  if (process.env["UPDATE"] === "1") writeFileSync(file, page.slice(0, from) + sdkTable() + page.slice(until));
  else assert.equal(page.slice(from, until), sdkTable());
});
