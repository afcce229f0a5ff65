/** What binds a key besides models and numbers: what it may ask for, what its requests must say, names of its own. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { CreateKeyRequest, KeyAnswer, KeySecretAnswer } from "../../daemon/admin/contract/keys.ts";
import type { RouteTestAnswer } from "../../daemon/admin/contract/routing.ts";
import { callRoutes } from "../../daemon/http/routes.ts";
import { askJson, type Told } from "../support/ask-json.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";

let daemon: Daemon;
before(async () => {
  daemon = await startDaemon({
    env: { CI_KEY: "sk-declared-0123456789" },
    config: {
      echo: true,
      ledger: patientLedger,
      governance: {
        keys: {
          ci: { value: "env.CI_KEY", operations: ["chat"], aliases: { fast: "echo/echo" }, required: ["user"] },
        },
      },
    },
  });
});
after(() => daemon?.stop());

async function keyWith(request: Partial<CreateKeyRequest> & { name: string }): Promise<string> {
  return (await daemon.admin<KeySecretAnswer>("POST", "/api/keys", request)).secret;
}

const ask = (key: string, path: string, body?: object | FormData, method = "POST") =>
  askJson(daemon.url + path, key, method, body);
const messages = [{ role: "user", content: "Hi" }];
const chat = (key: string, more: object = {}) =>
  ask(key, "/v1/chat/completions", { model: "echo/echo", max_tokens: 5, messages, ...more });
const codeOf = ({ status, body }: Told) => [status, body.error?.code];

test("operations: a key asks for what it may on every path of the table, and for nothing else", async () => {
  const key = await keyWith({ name: "embedder", operations: ["embeddings"] });
  for (const [path, { operation, form, dialect }] of callRoutes) {
    if (form === "any") continue;
    const body = {
      model: "echo/echo",
      input: "Hi",
      messages,
      inputs: ["Hi"],
      texts: ["Hi"],
      input_type: "search_query",
    };
    const { status, body: told } = await ask(key, path, body);
    const refused = /may ask for embeddings only/.test(JSON.stringify(told));
    assert.equal(refused, operation !== "embeddings", `${path} (${dialect.id}) ${status} ${JSON.stringify(told)}`);
    if (refused) assert.equal(status, 403, path);
  }
  const raw = await ask(key, "/passthrough/echo/v1/embeddings", { model: "echo/echo", input: "Hi" });
  assert.deepEqual(codeOf(raw), [403, "permission_denied"], "what is sent raw may be anything");
  assert.equal((await ask(key, "/v1/models", undefined, "GET")).status, 200, "it may ask what it may call");
  const own = await ask(key, "/v1/key", undefined, "GET");
  assert.deepEqual(own.body.data.operations, ["embeddings"]);

  await daemon.admin("PATCH", "/api/keys/embedder", { operations: [] });
  assert.equal((await ask(key, "/v1/embeddings", { model: "echo/echo", input: "Hi" })).status, 403);
  const { key: open } = await daemon.admin<KeyAnswer>("PATCH", "/api/keys/embedder", { operations: null });
  assert.equal(open.operations, null);
  assert.equal((await chat(key)).status, 200);
  await assert.rejects(() => keyWith({ name: "odd", operations: ["embedding"] }), /400/);
});

test("aliases: a name that one key knows goes where the key may go, and is nobody else's", async () => {
  const aliases = { smart: "echo-paid/echo-paid", fast: "echo/echo" };
  const key = await keyWith({ name: "aliased", aliases, models: ["echo/echo"] });
  assert.equal((await chat(key, { model: "fast" })).status, 200);
  assert.deepEqual(codeOf(await chat(key, { model: "smart" })), [403, "model_not_allowed"], "an alias opens nothing");
  const other = await keyWith({ name: "plain" });
  assert.equal((await chat(other, { model: "fast" })).status, 404);
  const anthropic = await ask(key, "/v1/messages", { model: "fast", max_tokens: 5, messages });
  assert.equal(anthropic.status, 200, "in any vendor's words");
  // Rows are written in their order, a moment after their answers.
  const rows = await daemon.rows("fast", 3);
  assert.deepEqual(rows.map(({ target }) => target ?? "none").toSorted(), ["echo/echo", "echo/echo", "none"]);

  const listed = async (who: string) =>
    (await ask(who, "/v1/models", undefined, "GET")).body.data.map(({ id }: { id: string }) => id);
  assert.ok((await listed(key)).includes("fast"));
  assert.ok(!(await listed(key)).includes("smart"), "not one that it may not call");
  assert.ok(!(await listed(other)).includes("fast"));
  assert.equal((await ask(key, "/v1/models/fast", undefined, "GET")).status, 200);
  const routed = await daemon.admin<RouteTestAnswer>("POST", "/api/route/test", { model: "fast", key: "aliased" });
  assert.equal(routed.chosen, "echo/echo");
  await daemon.admin("PATCH", "/api/keys/aliased", { aliases: { fast: "nobody/nothing" } });
  assert.equal((await chat(key, { model: "fast" })).status, 404);
  await daemon.admin("PATCH", "/api/keys/aliased", { aliases: null });
  assert.equal((await chat(key, { model: "fast" })).status, 404);
});

test("required: what a key's requests must say is asked on every path that has a body", async () => {
  const key = await keyWith({ name: "says", required: ["user", "metadata.project"] });
  const none = await chat(key);
  assert.deepEqual([...codeOf(none), none.body.error.param], [400, "invalid_request", "user"]);
  const half = await chat(key, { user: "ann", metadata: { other: 1 } });
  assert.equal(half.body.error.param, "metadata.project");
  const said = { user: "ann", metadata: { project: "p" } };
  assert.equal((await chat(key, said)).status, 200);
  for (const empty of [null, ""])
    assert.equal((await chat(key, { ...said, user: empty })).status, 400, `${empty} says nothing`);
  const form = new FormData();
  form.set("model", "echo/echo");
  form.set("file", new Blob(["x"]), "x.wav");
  assert.equal((await ask(key, "/v1/audio/transcriptions", form)).body.error.param, "user", "no way around");
  assert.equal((await ask(key, "/v1/models", undefined, "GET")).status, 200);
});

test("the file declares them as well, and the command line makes, changes and shows them", async () => {
  const { key: declared } = await daemon.admin<KeyAnswer>("GET", "/api/keys/ci");
  assert.deepEqual(
    [declared.operations, declared.aliases, declared.required],
    [["chat"], { fast: "echo/echo" }, ["user"]],
  );
  const ci = "sk-declared-0123456789";
  assert.equal((await chat(ci, { model: "fast", user: "ann" })).status, 200);
  assert.equal((await ask(ci, "/v1/embeddings", { model: "echo/echo", input: "Hi", user: "ann" })).status, 403);

  const options = ["--operations", "chat,embeddings", "--alias", "a=echo/echo", "--alias", "b=echo/echo"];
  const made = await daemon.cli("keys", "create", "--name", "told", ...options, "--required", "user", "--json");
  const { key } = JSON.parse(made.stdout) as KeySecretAnswer;
  assert.deepEqual(
    [key.operations, key.aliases, key.required],
    [["chat", "embeddings"], { a: "echo/echo", b: "echo/echo" }, ["user"]],
  );
  const shown = (await daemon.cli("keys", "show", "told")).stdout;
  assert.match(shown, /may ask for\s+chat, embeddings\s+aliases\s+a → echo\/echo, b → echo\/echo\s+must say\s+user/);
  const undone = await daemon.cli("keys", "update", "told", "--no-operations", "--no-alias", "--no-required", "--json");
  const after = JSON.parse(undone.stdout) as KeyAnswer["key"];
  assert.deepEqual([after.operations, after.aliases, after.required], [null, {}, []]);
  assert.match((await daemon.cli("keys", "update", "told", "--alias", "odd")).stderr, /Expected a name and a model/);
});
