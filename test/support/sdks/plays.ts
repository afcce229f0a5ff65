/**
 * What each case of the table demands of an SDK, wherever it finds the gateway. Hides how what reached the provider is
 * looked at; which SDKs play, and over which hop, is for the tests to say.
 */
import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { greeting, type Lab, pixel, recipe, toolAnswer } from "../sdk-lab.ts";
import { answerText } from "../wire-frames.ts";
import { type Call, type CaseName, type Driver, toolResult } from "./driver.ts";
import { failureOf, kinds } from "./failure.ts";
import { startHop } from "./hop.ts";

export type Way = {
  /** Where the SDK finds the gateway. */
  readonly origin: string;
  /** Tells apart who asks the misbehaving upstream. */
  readonly slug: string;
  /** The provider that misbehaves has this name before its wire's. */
  readonly slow?: string;
  /** By then a piece that was said is heard, and what is aborted would have gone on for that long. */
  readonly patienceMs?: number;
};

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

const never = new AbortController().signal;
const dripMs = 20;

export function playsOf(
  lab: Lab,
  { origin, slug, slow = "slow", patienceMs = 20_000 }: Way,
): Readonly<Record<CaseName, (driver: Driver, wire: string) => Promise<void>>> {
  const call = (model: string, key = lab.key): Call => ({ origin, key, model });
  /** What the provider was asked for this behaviour. */
  const sent = async (behaviour: string) => JSON.parse(await lab.sent(behaviour)) as Sent;

  return {
    text: async (driver, wire) => {
      assert.deepEqual(await driver.text(call(`${wire}/m`)), { text: greeting, outputTokens: 12 });
    },

    stream: async (driver, wire) => {
      assert.equal(await streamed(driver, call(`${wire}/m`)), greeting);
      // What was said is heard while the rest is not there yet: it comes only then.
      const behaviour = `f13-hold-half+${slug}`;
      const goOn = () => lab.upstream.call(behaviour).then(({ index }) => lab.upstream.step(index));
      let text = "";
      let late = false;
      const patience = setTimeout(() => {
        late = text === "";
        if (late) void goOn();
      }, patienceMs);
      const piece = (told: string) => {
        if (text === "" && told !== "" && !late) void goOn();
        text += told;
      };
      await driver.stream(call(`${slow}-${wire}/${behaviour}`), piece, never).finally(() => clearTimeout(patience));
      assert.deepEqual([text, late], ["one two three four", false]);
    },

    tools: async (driver, wire) => {
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

    "structured output": async (driver, wire) => {
      assert.deepEqual(await driver.structured(call(`${wire}/m`)), recipe);
      const behaviour = `ok+schema+${slug}`;
      // What this one answers fits no schema; that the schema is sent is what counts.
      await driver.structured(call(`${slow}-${wire}/${behaviour}`)).catch(() => {});
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

    image: async (driver, wire) => {
      const behaviour = `ok+image+${slug}`;
      await driver.image(call(`${slow}-${wire}/${behaviour}`));
      const content = (await sent(behaviour)).messages.flatMap((message): readonly unknown[] =>
        [message.content].flat(),
      );
      assert.ok(
        content.some((part) => isDeepStrictEqual(withoutDetail(part), pictures[wire])),
        JSON.stringify(content),
      );
    },

    errors: async (driver, wire) => {
      const refused: readonly [status: number, words: RegExp, asked: Call][] = [
        [401, /not known here/, call("echo", "sk-bf-nobody")],
        [404, /no-such-model/, call("no-such-model")],
        [402, /budget/i, call("echo-paid", lab.spentKey)],
        [400, /does not take this kindly/, call(`${wire}/refusing`)],
        [429, /too many/, call(`${wire}/limited-${slug}`)],
      ];
      for (const [status, words, asked] of refused) {
        const told = await refusal(driver, asked);
        assert.deepEqual([told.status, told.kind], [status, kinds[driver.api][status]], told.message);
        assert.match(told.message, words);
      }
    },

    abort: async (driver, wire) => {
      const behaviour = `slow+gap=${dripMs}+words=${patienceMs / dripMs}+abort+${slug}`;
      const asked = call(`${slow}-${wire}/${behaviour}`);
      const controller = new AbortController();
      let pieces = 0;
      const piece = (text: string) => {
        if (text !== "" && ++pieces === 3) controller.abort();
      };
      // Some throw, some end: either way nothing goes on.
      await driver.stream(asked, piece, controller.signal).catch(() => {});
      assert.ok(pieces >= 3);
      assert.equal((await lab.daemon.rows(asked.model))[0]?.status, 499);
      // The provider does not go on for nobody either.
      const heard = await lab.upstream.call(behaviour, ({ endedAt }) => endedAt !== undefined);
      assert.ok(heard.clientLeftAt !== undefined);
    },

    "slow stream": async (driver, wire) => {
      const hop = await startHop(origin);
      try {
        const asked = { ...call(`slow-${wire}/slow+words=4+gap=150+delay=120`), origin: hop.origin };
        assert.equal(await streamed(driver, asked), "w0 w1 w2 w3 ");
        assert.ok(hop.keepAlives() > 0);
      } finally {
        await hop.stop();
      }
      assert.equal(await streamed(driver, call(`slow-${wire}/f10-bytes`)), answerText);
    },
  };
}

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
    (error: unknown) => failureOf(driver.api, error),
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
