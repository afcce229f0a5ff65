import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { renderProblem } from "../../../daemon/config/problems.ts";
import { certificate } from "./certificate.ts";
import { load, problems } from "./loading.ts";
import { usualTelemetry } from "./usual-telemetry.ts";

test("loadConfig() reports all that is wrong at once, in the order of the file", async () => {
  const text = `server: { prot: 1 }
log: { level: loud }
providers:
  groq: {}
  a: { base_url: ftp://x, strict: maybe }
aliases: { x: nowhere/y }
zzz: 1
`;
  assert.deepEqual(
    (await problems(text)).map((line) => line.split(": ").slice(0, 2).join(" ")),
    [
      "c.yaml:1:11 server.prot",
      "c.yaml:2:15 log.level",
      "c.yaml:4:3 providers.groq",
      "c.yaml:5:18 providers.a.base_url",
      "c.yaml:5:35 providers.a.strict",
      "c.yaml:6:15 aliases.x",
      "c.yaml:7:1 zzz",
    ],
  );
});

test("loadConfig() does not report what only follows from another fault", async () => {
  const text = `providers:
  groq: { api_kye: env.OPENAI_API_KEY }
  box: { base_url: 5 }
  openai: yes
aliases: { a: openai/x, b: box/y }
`;
  assert.deepEqual(await problems(text), [
    'c.yaml:2:11: providers.groq.api_kye: unknown key (did you mean "api_key"?)',
    "c.yaml:3:20: providers.box.base_url: expected text, got a number",
    "c.yaml:4:11: providers.openai: expected keys and values, got text",
  ]);
});

test("loadConfig() gives a problem its parts", async () => {
  const result = await load("server:\n  prot: 1\n");
  assert.ok(!result.ok);
  assert.deepEqual(result.problems, [
    { file: "c.yaml", line: 2, column: 3, path: "server.prot", message: "unknown key", suggestion: "port" },
  ]);
});

test("loadConfig() survives nesting that would break a stack", async () => {
  assert.match((await problems("[".repeat(100_000))).join(), /nested|flow/i);
  assert.match((await problems(`a: ${"[".repeat(60)}${"]".repeat(60)}`)).join(), /nested more than 32 levels deep/);
});

test("loadConfig() refuses a file of more than a megabyte", async () => {
  assert.deepEqual(await problems(`# ${"x".repeat(1024 * 1024)}`), [
    "c.yaml:1:1: the file is larger than 1048576 characters",
  ]);
});

test("loadConfig() makes one generation of a small file", async () => {
  const text = `server: { port: 0, body_max: 1.5MB }
auth: { first_key_budget: 0.25/12h }
timeouts: { idle: 90s }
providers:
  openai:
  claude: { host: anthropic, keys: [{ value: env.OPENAI_API_KEY, weight: 2 }], timeouts: { connect: 1s } }
  box: { base_url: "http://10.0.0.7:8000/v1/", models: [m], any_model: false, free: true, headers: { X-Team: a } }
aliases: { fast: box/m }
fallbacks: { "*": fast }
prices: { "box/*": { input: 0.5, cache_write_5m: 1 } }
`;
  const result = await load(text);
  assert.ok(result.ok);
  assert.deepEqual(result.warnings, []);
  const timers = {
    connectMs: 5_000,
    firstByteStreamMs: 120_000,
    firstByteMs: 600_000,
    idleMs: 90_000,
    clientStallMs: 60_000,
    totalMs: 3_600_000,
  };
  const usual = {
    parameters: {},
    deployments: {},
    headers: {},
    models: [],
    anyModel: true,
    timers,
    tls: { rejectUnauthorized: true },
    free: false,
    strict: false,
    connectionsMax: 16_384,
    labels: {},
  };
  assert.deepEqual(result.data, {
    number: 7,
    hash: result.data.hash,
    server: {
      host: "127.0.0.1",
      port: 0,
      workers: 1,
      bodyBytesMax: 1_572_864,
      bodiesBytesMax: 268_435_456,
      uploadBytesMax: 536_870_912,
      headerBytesMax: 32_768,
      requestsMax: 20_000,
      keepAliveMs: 75_000,
      requestReadMs: 60_000,
      holdBackMs: 10_000,
      keepAliveCommentMs: 15_000,
      drainMs: 30_000,
    },
    auth: {
      inference: "keys",
      files: "owned",
      rawBodies: "off",
      firstKeyBudget: { limitNano: 250_000_000, windowMs: 43_200_000 },
    },
    compat: { bifrost: false, litellm: false },
    providers: [
      {
        ...usual,
        name: "openai",
        host: "openai",
        dialect: "openai-chat",
        baseUrl: "https://api.openai.com/v1",
        credentials: [{ id: "openai", value: "sk-from-the-environment", weight: 1 }],
      },
      {
        ...usual,
        name: "claude",
        host: "anthropic",
        dialect: "anthropic",
        baseUrl: "https://api.anthropic.com/v1",
        credentials: [{ id: "claude-1", value: "sk-from-the-environment", weight: 2 }],
        timers: { ...timers, connectMs: 1_000 },
      },
      {
        ...usual,
        name: "box",
        host: "custom",
        dialect: "openai-chat",
        baseUrl: "http://10.0.0.7:8000/v1",
        credentials: [],
        headers: { "x-team": "a" },
        models: ["m"],
        anyModel: false,
        free: true,
      },
      {
        ...usual,
        name: "echo",
        host: "echo",
        dialect: "openai-chat",
        baseUrl: "echo:",
        credentials: [],
        models: ["echo"],
        free: true,
      },
      {
        ...usual,
        name: "echo-paid",
        host: "echo-paid",
        dialect: "openai-chat",
        baseUrl: "echo:",
        credentials: [],
        models: ["echo-paid"],
      },
    ],
    aliases: { fast: "box/m" },
    fallbacks: { "*": { any: ["fast"] } },
    routing: { ...result.data.routing, strategy: "weighted", groups: {}, rules: [], modelTimers: [] },
    prices: [
      { match: "box/*", input: 0.5, cacheWrite5m: 1 },
      { match: "echo-paid/*", input: 1, output: 5, cacheRead: 0.1, cacheWrite5m: 1.25, cacheWrite1h: 2 },
    ],
    ledger: {
      durability: "grouped",
      holdInput: "learned",
      noCap: "estimate",
      onExhaust: "finish",
      injectCap: 4096,
      lagMaxMs: 250,
      allowUnpriced: false,
      zone: "UTC",
    },
    ...usualTelemetry,
    log: { level: "info", format: "json" },
    admin: {},
  });
});

test("loadConfig() leaves out the built-in providers when told to", async () => {
  const result = await load("echo: false\n");
  assert.ok(result.ok);
  assert.deepEqual([result.data.providers, result.data.prices], [[], []]);
});

test("loadConfig() understands anchors and merge keys, and finds their place in the text", async () => {
  const text =
    "providers:\n  a: &base { base_url: http://a/v1, strict: true }\n  b: { <<: *base, base_url: http://b/v1 }\n";
  const result = await load(text);
  assert.deepEqual(result.ok && result.data.providers.slice(0, 2).map(({ baseUrl, strict }) => [baseUrl, strict]), [
    ["http://a/v1", true],
    ["http://b/v1", true],
  ]);
  assert.deepEqual(await problems(text.replace("strict: true", "strict: 1")), [
    "c.yaml:2:45: providers.a.strict: expected true or false, got a number",
    "c.yaml:2:45: providers.b.strict: expected true or false, got a number",
  ]);
});

test("loadConfig() does not send a usual key to a base URL of somebody else's", async () => {
  const result = await load("providers: { openai: { base_url: http://elsewhere/v1 } }\n");
  assert.deepEqual(result.ok && result.data.providers[0]?.credentials, []);
});

test("loadConfig() warns of a bare name that nothing lists, and refuses it when a catalog knows better", async () => {
  const text = "providers: { openai: }\naliases: { a: gpt-5 }\n";
  const unsure = await load(text);
  assert.deepEqual(unsure.ok && unsure.warnings.map(renderProblem), [
    'c.yaml:2:15: aliases.a: no alias and no provider\'s models list has "gpt-5": write provider/model to be sure',
  ]);
  assert.deepEqual(await problems(text, { knownModel: () => false }), [
    'c.yaml:2:15: aliases.a: no alias and no provider\'s models list has "gpt-5"',
  ]);
  const sure = await load(text, { knownModel: (name) => name === "gpt-5" });
  assert.deepEqual(sure.ok && sure.warnings, []);
});

test("loadConfig() warns of what takes effect at restart, and of what is risky", async () => {
  const first = await load("{}\n");
  assert.ok(first.ok);
  const text =
    "server: { port: 9000, workers: 2, host: 0.0.0.0 }\nauth: { inference: open }\nproviders: { openai: { tls_verify: false } }\n";
  const second = await load(text, { previous: first.data });
  assert.deepEqual(second.ok && second.warnings.map(renderProblem), [
    "c.yaml:1:17: server.port: takes effect at restart",
    "c.yaml:1:32: server.workers: takes effect at restart",
    "c.yaml:1:41: server.host: takes effect at restart",
    "c.yaml:2:20: auth.inference: open, and listening on 0.0.0.0: whoever reaches the port spends your money",
    "c.yaml:3:36: providers.openai.tls_verify: certificates are not checked: anyone on the way can read the key",
  ]);
});

test("loadConfig() reads file. secrets and authorities beside the config, and names them to be watched", async (context) => {
  const folder = await mkdtemp(join(tmpdir(), "bifrost-load-"));
  context.after(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, "key"), "sk-in-a-file\n");
  await writeFile(join(folder, "ca.pem"), `# a comment\n${certificate}${certificate}`);
  await writeFile(join(folder, "bad.pem"), "hello");
  const path = join(folder, "c.yaml");
  const result = await load("providers: { groq: { api_key: file.key, ca_file: ca.pem } }\n", { path });
  assert.ok(result.ok);
  const [groq] = result.data.providers;
  assert.equal(groq?.credentials[0]?.value, "sk-in-a-file");
  assert.equal(groq?.tls.ca?.match(/BEGIN/g)?.length, 2);
  assert.deepEqual(result.files, [join(folder, "key"), join(folder, "ca.pem")]);
  const bad = await load("providers: { groq: { api_key: file.nokey, ca_file: bad.pem } }\n", { path });
  assert.ok(!bad.ok);
  assert.deepEqual(bad.files, [join(folder, "nokey"), join(folder, "bad.pem")]);
});

test("R9 loadConfig() refuses a file without its end marker when one is required", async () => {
  assert.deepEqual(await problems("echo: true\nser", { requireEnd: true }), [
    "c.yaml:2:1: Implicit map keys need to be followed by map values",
  ]);
  assert.deepEqual(await problems("echo: true\n", { requireEnd: true }), [
    "c.yaml:2:1: the accepted version ended in `...` and this one does not: still being written? End it with `...` again",
  ]);
  for (const end of ["...", "...\n", "... # end\n\n", "...  \r\n"]) {
    assert.deepEqual(await problems(`echo: true\n${end}`, { requireEnd: true }), [], JSON.stringify(end));
  }
});

test("loadConfig() never throws and always answers, whatever is done to the example", async () => {
  const example = await readFile(new URL("../../../config.example.yaml", import.meta.url), "utf8");
  const everything = example.replace(/^( *)#(?=[^ \n])/gm, "$1");
  const piece = fc.oneof(
    fc.constantFrom(
      "\n",
      " ",
      "  ",
      ":",
      "-",
      "[",
      "{",
      "}",
      "]",
      "*a",
      "&a ",
      "<<: ",
      '"',
      "'",
      "#",
      "\t",
      "null",
      "~",
      "!!binary x",
      "...",
      "---",
      "%YAML 1.1\n",
      "0",
      "-1",
      "1e400",
      "__proto__: 1",
      "\u2028",
      "\ud800",
    ),
    fc.string({ maxLength: 8 }),
  );
  const mutation = fc.record({ at: fc.nat(), length: fc.oneof(fc.constant(0), fc.nat(30), fc.nat(2000)), piece });
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.array(mutation, { minLength: 1, maxLength: 4 }), async (whole, mutations) => {
      let text = whole ? everything : example;
      for (const { at, length, piece: inserted } of mutations) {
        const from = at % (text.length + 1);
        text = text.slice(0, from) + inserted + text.slice(from + length);
      }
      const result = await load(text, { requireEnd: whole });
      if (result.ok) return;
      assert.ok(result.problems.length > 0);
      for (const { line, column, message } of result.problems) {
        assert.ok(
          (line ?? 0) >= 1 && (line ?? 0) <= text.split("\n").length + 1 && (column ?? 0) >= 1 && message !== "",
        );
      }
    }),
    { numRuns: 400 },
  );
});
