/**
 * Every SDK, this major and the one before, with every case, by changing its base URL and key and nothing else. A cell
 * that is not played has a reason in its driver, and the table in `docs/clients.md` is this one.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { greeting, type Lab, pixel, recipe, startLab, toolAnswer, upstreams } from "../support/sdk-lab.ts";
import { type Call, type CaseName, cases, type Driver } from "../support/sdks/driver.ts";
import { drivers, sdkTable } from "../support/sdks/index.ts";
import { answerText } from "../support/wire-frames.ts";

let lab: Lab;
before(async () => {
  lab = await startLab();
});
after(() => lab?.stop());

const call = (model: string, key = lab.key): Call => ({ origin: lab.anthropicBase, key, model });
const never = new AbortController().signal;

async function streamed(driver: Driver, asked: Call): Promise<string> {
  let text = "";
  await driver.stream(
    asked,
    (piece) => {
      text += piece;
    },
    never,
  );
  return text;
}

async function refusal(driver: Driver, asked: Call) {
  const told = await driver.text(asked).then(
    () => assert.fail("was answered"),
    (error: unknown) => driver.failure(error),
  );
  return told;
}

/** What each case demands; `slug` tells apart who asks the misbehaving upstream. */
const plays: Readonly<Record<CaseName, (driver: Driver, wire: string, slug: string) => Promise<void>>> = {
  text: async (driver, wire) => {
    assert.deepEqual(await driver.text(call(`${wire}/m`)), { text: greeting, outputTokens: 12 });
  },
  stream: async (driver, wire) => {
    assert.equal(await streamed(driver, call(`${wire}/m`)), greeting);
  },
  tools: async (driver, wire) => {
    const { ran, text } = await driver.tools(call(`${wire}/m`));
    assert.deepEqual(ran, ['get_weather {"city":"Paris"}', 'get_weather {"city":"Rome"}', 'get_time {"zone":"CET"}']);
    assert.equal(text, toolAnswer);
  },
  "structured output": async (driver, wire, slug) => {
    assert.deepEqual(await driver.structured(call(`${wire}/m`)), recipe);
    const behaviour = `ok+schema+${slug}`;
    // What this one answers fits no schema; that the schema is sent is what counts.
    await driver.structured(call(`slow-${wire}/${behaviour}`)).catch(() => {});
    assert.match(await lab.sent(behaviour), /"minutes":\{"type":"integer"/);
  },
  image: async (driver, wire, slug) => {
    const behaviour = `ok+image+${slug}`;
    await driver.image(call(`slow-${wire}/${behaviour}`));
    assert.ok((await lab.sent(behaviour)).includes(pixel));
  },
  errors: async (driver, wire, slug) => {
    const spent = await lab.daemon.createKey({ budget: "0.000001/1d" });
    const refused: readonly [status: number, words: RegExp, asked: Call][] = [
      [401, /not known here/, call("echo", "sk-bf-nobody")],
      [404, /no-such-model/, call("no-such-model")],
      [402, /budget/i, call("echo-paid", spent)],
      [400, /does not take this kindly/, call(`${wire}/refusing`)],
      [429, /too many/, call(`${wire}/limited-${slug}`)],
    ];
    for (const [status, words, asked] of refused) {
      const told = await refusal(driver, asked);
      assert.equal(told.status, status, told.message);
      assert.match(told.message, words);
    }
  },
  abort: async (driver, wire, slug) => {
    const asked = call(`slow-${wire}/f13-drip+gap=20+table+${slug}`);
    const controller = new AbortController();
    let pieces = 0;
    const piece = (text: string) => {
      if (text !== "" && ++pieces === 3) controller.abort();
    };
    // Some throw, some end: either way nothing goes on.
    await driver.stream(asked, piece, controller.signal).catch(() => {});
    assert.ok(pieces >= 3);
    assert.equal((await lab.daemon.rows(asked.model))[0]?.status, 499);
  },
  "slow stream": async (driver, wire) => {
    assert.equal(await streamed(driver, call(`slow-${wire}/slow+words=4+gap=150+delay=120`)), "w0 w1 w2 w3 ");
    assert.equal(await streamed(driver, call(`slow-${wire}/f10-bytes`)), answerText);
  },
};

describe("the table", { concurrency: 8 }, () => {
  for (const driver of drivers) {
    for (const wire of upstreams) {
      describe(`${driver.name} ${driver.version} → ${wire}`, () => {
        const slug = `${driver.name}-${driver.version}-${wire}`.replaceAll(/[^a-zA-Z0-9.-]+/g, "-");
        for (const one of cases) {
          const reason = driver.without?.[one];
          const name = one === "slow stream" ? "A24 slow stream, and one cut at every byte" : one;
          test(name, { skip: reason ?? false }, () => plays[one](driver, wire, slug));
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
