/**
 * Every SDK, this major and the one before, with every case, by changing its base URL and key and nothing else. A cell
 * that is not played has a reason in its driver, and the table in `docs/clients.md` is this one.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { greeting, type Lab, pixel, recipe, startLab, toolAnswer, upstreams } from "../support/sdk-lab.ts";
import { type Call, type CaseName, cases, type Driver, toolResult } from "../support/sdks/driver.ts";
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

/** What the provider was asked for this behaviour. */
async function sent(behaviour: string): Promise<Sent> {
  return JSON.parse(await lab.sent(behaviour)) as Sent;
}

type Sent = {
  readonly messages: readonly { readonly content: string | readonly Readonly<Record<string, unknown>>[] }[];
  readonly response_format?: { readonly type: string; readonly json_schema: { readonly schema: Schema } };
  readonly output_config?: { readonly format: { readonly type: string; readonly schema: Schema } };
  readonly tools?: readonly {
    readonly function?: { readonly name: string; readonly parameters: Schema };
    readonly name?: string;
    readonly input_schema?: Schema;
  }[];
  readonly tool_choice?: unknown;
};
type Schema = { readonly properties: Readonly<Record<string, { readonly type: string }>> };

/** Where each API wants an image. */
const pictures: Readonly<Record<string, object>> = {
  "openai-chat": { type: "image_url", image_url: { url: `data:image/png;base64,${pixel}` } },
  anthropic: { type: "image", source: { type: "base64", media_type: "image/png", data: pixel } },
};

async function refusal(driver: Driver, asked: Call) {
  const told = await driver.text(asked).then(
    () => assert.fail("was answered"),
    (error: unknown) => driver.failure(error),
  );
  return told;
}

function shape(value: unknown, key: string): object {
  return (value as Record<string, object>)[key] ?? {};
}

/** SDKs say `auto`, which is the default. */
function withoutDetail(part: unknown): unknown {
  const { image_url: image, ...rest } = part as { image_url?: { detail?: string } };
  const { detail: _, ...picture } = image ?? {};
  return image === undefined ? part : { ...rest, image_url: picture };
}

/** What each case demands; `slug` tells apart who asks the misbehaving upstream. */
const plays: Readonly<Record<CaseName, (driver: Driver, wire: string, slug: string) => Promise<void>>> = {
  text: async (driver, wire) => {
    assert.deepEqual(await driver.text(call(`${wire}/m`)), { text: greeting, outputTokens: 12 });
  },
  stream: async (driver, wire, slug) => {
    assert.equal(await streamed(driver, call(`${wire}/m`)), greeting);
    // What was said is heard while the rest is not there yet: it comes only then.
    const behaviour = `f13-hold-half+${slug}`;
    let text = "";
    const piece = (told: string) => {
      if (text === "" && told !== "") void lab.upstream.call(behaviour).then(({ index }) => lab.upstream.step(index));
      text += told;
    };
    await driver.stream(call(`slow-${wire}/${behaviour}`), piece, never);
    assert.equal(text, "one two three four");
  },
  tools: async (driver, wire, slug) => {
    const { ran, text } = await driver.tools(call(`${wire}/tools-${slug}`));
    const { messages, tools } = lab.asked(`tools-${slug}`).at(-1)!;
    const results = messages.filter(({ role }) => role === "tool");
    assert.deepEqual(
      results.map(({ tool_call_id: id, content }) => [id, String(content).includes(toolResult)]),
      ["call_paris", "call_rome", "call_time"].map((id) => [id, true]),
    );
    const named = tools?.map(({ function: { name, parameters } }) => [
      name,
      Object.keys(shape(parameters, "properties")),
    ]);
    assert.deepEqual(named, [
      ["get_weather", ["city", "zone"]],
      ["get_time", ["city", "zone"]],
    ]);
    assert.deepEqual(ran, ['get_weather {"city":"Paris"}', 'get_weather {"city":"Rome"}', 'get_time {"zone":"CET"}']);
    assert.equal(text, toolAnswer);
  },
  "structured output": async (driver, wire, slug) => {
    assert.deepEqual(await driver.structured(call(`${wire}/m`)), recipe);
    const behaviour = `ok+schema+${slug}`;
    // What this one answers fits no schema; that the schema is sent is what counts.
    await driver.structured(call(`slow-${wire}/${behaviour}`)).catch(() => {});
    const { response_format: format, output_config: output, tools, tool_choice: choice } = await sent(behaviour);
    const tool = tools?.[0];
    const [type, schema] =
      driver.forcesTool === true
        ? [choice, tool?.function?.parameters ?? tool?.input_schema]
        : wire === "anthropic"
          ? [output?.format.type, output?.format.schema]
          : [format?.type, format?.json_schema.schema];
    const forced: readonly unknown[] =
      wire === "anthropic"
        ? [{ type: "any" }, { type: "any", disable_parallel_tool_use: true }, { type: "tool", name: tool?.name }]
        : ["required", { type: "function", function: { name: tool?.function?.name } }];
    const wanted = driver.forcesTool === true ? forced : ["json_schema"];
    assert.ok(
      wanted.some((one) => isDeepStrictEqual(one, type)),
      JSON.stringify(type),
    );
    const { name, minutes } = schema!.properties;
    assert.deepEqual(
      [name?.type, minutes?.type, tools?.length],
      ["string", "integer", tool === undefined ? undefined : 1],
    );
  },
  image: async (driver, wire, slug) => {
    const behaviour = `ok+image+${slug}`;
    await driver.image(call(`slow-${wire}/${behaviour}`));
    const content = (await sent(behaviour)).messages.flatMap((message): readonly unknown[] => [message.content].flat());
    assert.ok(
      content.some((part) => isDeepStrictEqual(withoutDetail(part), pictures[wire])),
      JSON.stringify(content),
    );
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
