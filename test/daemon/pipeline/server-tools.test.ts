/** Tools that a provider runs, in each vendor's words, and how often they may be called. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { scanRequest } from "../../../daemon/http/scan.ts";
import { readMarks } from "../../../daemon/pipeline/prompt-marks.ts";
import { assertHoldable, usualCalls } from "../../../daemon/pipeline/server-tools.ts";

function tools(value: unknown) {
  const body = Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
  return readMarks(body, scanRequest(body).sighted).tools;
}

const search = {
  calls: usualCalls,
  isBounded: false,
  hasFee: true,
  searches: false,
  searchesFiles: false,
  containerGb: 0,
  unpriced: undefined,
};

const searches: Readonly<Record<string, unknown>> = {
  "OpenAI's": { tools: [{ type: "web_search" }] },
  "OpenAI's preview": { tools: [{ type: "web_search_preview" }] },
  "OpenAI's dated preview": { tools: [{ type: "web_search_preview_2025_03_11" }] },
  "Anthropic's": { tools: [{ type: "web_search_20250305", name: "web_search" }] },
  "xAI's": { tools: [{ type: "x_search" }] },
  "Gemini's": { contents: [], tools: [{ google_search: {} }] },
  "Gemini's in camel case": { contents: [], tools: [{ googleSearch: {} }] },
  "OpenAI's search models'": { messages: [], web_search_options: {} },
  "OpenRouter's": { messages: [], plugins: [{ id: "web", max_results: 3 }] },
};
for (const [whose, body] of Object.entries(searches))
  test(`readMarks() finds ${whose} searches, whose number is not said`, () =>
    assert.deepEqual(tools(body), { ...search, searches: "messages" in (body as object) }));

test("readMarks() takes the number of calls from the request", () => {
  const claude = (...uses: number[]) => ({
    tools: uses.map((max_uses) => ({ type: "web_search_20250305", name: "web_search", max_uses })),
  });
  assert.deepEqual(tools(claude(5)), { ...search, calls: 5, isBounded: true });
  assert.equal(tools(claude(5, 3))?.calls, 8);
  assert.deepEqual(tools({ tools: [{ type: "web_search" }], max_tool_calls: 2 }), {
    ...search,
    ...{ calls: 2, isBounded: true },
  });
  const fetching = { type: "web_fetch_20250910", name: "web_fetch" };
  assert.equal(tools({ tools: [...claude(5).tools, fetching] })?.isBounded, false, "one of them is not bounded");
});

test("readMarks() believes no bound that is said twice", () => {
  const twice = '{"tools":[{"type":"web_search"}],"max_tool_calls":1,"max_tool_calls":900}';
  assert.equal(tools(twice)?.isBounded, false);
  assert.equal(tools('{"tools":[{"type":"we\\u0062_search"}]}')?.hasFee, true, "an escape hides nothing");
});

test("readMarks() tells what costs tokens alone, and what nobody tells the cost of", () => {
  for (const body of [
    { tools: [{ type: "mcp", server_url: "https://mcp.example" }] },
    { tools: [{ type: "web_fetch_20250910", name: "web_fetch" }] },
    { contents: [], tools: [{ url_context: {} }] },
    { contents: [], tools: [{ codeExecution: {} }] },
  ])
    assert.deepEqual(tools(body), { ...search, hasFee: false }, JSON.stringify(body));
  for (const type of ["image_generation", "code_execution_20250825", "advisor_20260301"])
    assert.deepEqual(tools({ tools: [{ type }] }), { ...search, hasFee: false, unpriced: type });
  for (const type of ["file_search", "collections_search"])
    assert.deepEqual(tools({ tools: [{ type }] }), { ...search, hasFee: false, searchesFiles: true });
  assert.equal(tools({ prompt: { id: "pmpt_1" } })?.unpriced, "a stored prompt");
  const shell = { type: "shell", environment: { type: "container_auto" } };
  assert.deepEqual(tools({ tools: [shell] }), { ...search, hasFee: false, containerGb: 1 });
  assert.equal(tools({ tools: [{ type: "shell", environment: { type: "local" } }] }), undefined);
});

test("readMarks() finds the containers that a request may begin, and how large they are", () => {
  const code = (container?: unknown) => ({
    type: "code_interpreter",
    ...(container === undefined ? {} : { container }),
  });
  const gb = (...list: object[]) => tools({ tools: list })?.containerGb;
  assert.deepEqual(
    [gb(code()), gb(code({ type: "auto" })), gb(code({ type: "auto", memory_limit: "16g" }))],
    [1, 1, 16],
  );
  const shell = { type: "shell", environment: { type: "container_auto", memory_limit: "4g" } };
  assert.equal(gb(code(), shell), 8, "each as large as the largest");
  assert.equal(gb(code({ type: "auto", memory_limit: "99g" })), 64, "no size that is known");
  assert.equal(tools({ tools: [code({ type: "auto" })] })?.unpriced, undefined);
  assert.equal(tools({ tools: [code("cntr_1")] })?.unpriced, "code_interpreter", "begun before, nobody tells when");
  const before = { type: "shell", environment: { type: "container_reference", container_id: "cntr_1" } };
  assert.equal(tools({ tools: [before] })?.unpriced, "container_reference");
});

test("readMarks() sees none where a client runs the tools, whatever they are called", () => {
  const own = { type: "function", function: { name: "web_search", parameters: { type: "object" } } };
  assert.equal(tools({ messages: [], tools: [own] }), undefined);
  assert.equal(tools({ tools: [{ name: "web_search", input_schema: { type: "object" } }] }), undefined);
  assert.equal(tools({ tools: [{ type: "computer_20250124", name: "computer" }, { type: "local_shell" }] }), undefined);
  assert.equal(tools({ prompt: 'say {"type":"web_search"}', model: "m" }), undefined);
  const text = { messages: [{ role: "user", content: '"tools":[{"type":"web_search"}]' }], tools: [own] };
  assert.equal(tools(text), undefined);
});

test("assertHoldable() refuses what no hold covers, and says what to send", () => {
  const price = { input: 1, output: 1, serverTool: 1, tiers: [] };
  const unbounded = { ...search };
  const bounded = { ...search, calls: 3, isBounded: true };
  assertHoldable(unbounded, price, false);
  assertHoldable(bounded, price, true);
  const refused = (run: () => void, words: RegExp) =>
    assert.throws(
      run,
      (error: Error & { code?: string }) => error.code === "unpriced_model" && words.test(error.message),
    );
  refused(() => assertHoldable(unbounded, price, true), /max_tool_calls.*max_uses/);
  refused(() => assertHoldable(bounded, { ...price, serverTool: undefined }, false), /server_tool/);
  refused(() => assertHoldable({ ...bounded, unpriced: "code_interpreter" }, price, false), /code_interpreter/);
  const files = { ...bounded, hasFee: false, searchesFiles: true };
  refused(() => assertHoldable(files, price, false), /file_search/);
  assertHoldable(files, { ...price, fileSearch: 1 }, true);
  const code = { ...bounded, hasFee: false, containerGb: 1 };
  refused(() => assertHoldable(code, price, false), /container/);
  assertHoldable(code, { ...price, container: 1 }, true);
});
