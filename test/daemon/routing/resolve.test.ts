import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConfig } from "../../../daemon/config/load.ts";
import { buildGeneration, type Generation } from "../../../daemon/routing/generation.ts";
import { findTarget, resolveName } from "../../../daemon/routing/resolve.ts";
import { openCatalog } from "../../../providers/catalog/catalog.ts";

const nowhere = { dispatch: () => false, close: () => undefined };

async function generation(config: object): Promise<Generation> {
  const loaded = await loadConfig({
    text: JSON.stringify(config),
    path: "/c.yaml",
    environment: { ONE: "1", TWO: "2" },
    number: 1,
  });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return buildGeneration(loaded.data, openCatalog(loaded.data.prices), () => nowhere);
}

const config = {
  providers: {
    open: { base_url: "http://h:1/v1/", api_key: "env.ONE", headers: { "X-Team": "a" } },
    listed: { base_url: "http://h:2", api_key: "env.TWO", models: ["m", "org/m", "both"], any_model: false },
    also: { base_url: "http://h:3", api_key: "env.TWO", models: ["both"], any_model: false },
  },
  aliases: { fast: "listed/m", faster: "fast" },
  fallbacks: { fast: ["open/x", "listed/m", "also/both"], "*": "also/both" },
};

const resolve = (built: Generation, model: string, own: readonly string[] | undefined) =>
  resolveName(built, model, own).fixed!.hops;
const names = (hops: readonly { target: { name: string } }[]) => hops.map(({ target }) => target.name);

test("findTarget() reads provider/model, bare names in config order, aliases of aliases, and nothing else", async () => {
  const built = await generation(config);
  const cases: readonly [asked: string, found: string | undefined][] = [
    ["listed/m", "listed/m"],
    ["listed/org/m", "listed/org/m"],
    ["listed/none", undefined],
    ["listed/", undefined],
    ["open/anything/at/all", "open/anything/at/all"],
    ["m", "listed/m"],
    ["org/m", "listed/org/m"],
    ["both", "listed/both"],
    ["unheard", "open/unheard"],
    ["nobody/x", "open/nobody/x"],
    ["fast", "listed/m"],
    ["faster", "listed/m"],
    ["", undefined],
    ["constructor", "open/constructor"],
    ["__proto__", "open/__proto__"],
  ];
  assert.deepEqual(
    cases.map(([asked]) => [asked, findTarget(built, asked)?.name]),
    cases,
  );
});

test("findTarget() gives a bare name to nobody when several providers would take any", async () => {
  const built = await generation({
    providers: { a: { base_url: "http://h:1", api_key: "env.ONE" }, b: { base_url: "http://h:2", api_key: "env.ONE" } },
  });
  assert.equal(findTarget(built, "unheard"), undefined);
});

test("resolve() plans the configured fallbacks by the name as asked, each target once", async () => {
  const built = await generation(config);
  assert.deepEqual(names(resolve(built, "fast", undefined)), ["listed/m", "open/x", "also/both"]);
  assert.deepEqual(names(resolve(built, "listed/m", undefined)), ["listed/m", "also/both"]);
  assert.deepEqual(names(resolve(built, "also/both", undefined)), ["also/both"]);
  assert.equal(resolve(built, "fast", undefined), resolve(built, "fast", undefined), "worked out once");
});

test("resolve() takes the request's own fallbacks instead, an empty list too, and remembers none of it", async () => {
  const built = await generation(config);
  assert.deepEqual(
    names(resolve(built, "fast", ["open/y", "nope/", "listed/none", "listed/m"])),
    ["listed/m", "open/y"].concat(findTarget(built, "nope/")?.name ?? []),
  );
  assert.deepEqual(names(resolve(built, "fast", [])), ["listed/m"]);
  assert.deepEqual(names(resolve(built, "fast", undefined)), ["listed/m", "open/x", "also/both"]);
});

test("resolve() says what could have been asked, and remembers no more names than is allowed", async () => {
  const built = await generation({
    ...config,
    providers: { listed: config.providers.listed },
    aliases: {},
    fallbacks: {},
  });
  assert.throws(() => resolve(built, "x/y", undefined), {
    code: "model_not_found",
    status: 404,
    message: /"x\/y".*listed/,
  });
  for (let index = 0; index < 10_000; index++) assert.throws(() => resolve(built, `no-${index}`, undefined));
  assert.ok(built.resolved.size <= 4_096);
});

test("buildGeneration() makes paths and headers ready, and mixes no two secrets", async () => {
  const built = await generation({
    providers: {
      open: {
        ...config.providers.open,
        api_key: undefined,
        keys: [
          { name: "a", value: "env.ONE", weight: 3 },
          { name: "b", value: "env.TWO" },
        ],
      },
      claude: { base_url: "http://h:2/v1", dialect: "anthropic", api_key: "env.ONE" },
      bare: { base_url: "http://h:3" },
    },
  });
  const ready = (name: string) => {
    const { endpoints, credentials, weight } = built.providers.get(name)!;
    const paths = (["chat", "embeddings", "count_tokens"] as const).map((each) => endpoints[each]?.[0]?.path.before);
    return { paths, weight, credentials: credentials.map(({ headers }) => headers.pairs.slice(4)) };
  };
  assert.deepEqual(ready("open"), {
    paths: ["/v1/chat/completions", "/v1/embeddings", undefined],
    weight: 4,
    credentials: [
      ["x-team", "a", "authorization", "Bearer 1"],
      ["x-team", "a", "authorization", "Bearer 2"],
    ],
  });
  assert.deepEqual(ready("claude"), {
    paths: ["/v1/messages", undefined, "/v1/messages/count_tokens"],
    weight: 1,
    credentials: [["anthropic-version", "2023-06-01", "x-api-key", "1"]],
  });
  assert.deepEqual(ready("bare"), {
    paths: ["/chat/completions", "/embeddings", undefined],
    weight: 1,
    credentials: [[]],
  });
});
