/** Proofs of thinking over real sockets: they go back to whoever made them, without any session. */
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { errorOf, type Lab, startLab, startUpstream, type Upstream } from "./lab.ts";

let one: Upstream;
let other: Upstream;
let lab: Lab;
let key: string;
const proof = (maker: string): string => `gAAAAAB${maker}${"x".repeat(40)}`;
const reasoning = (maker: string) => ({
  type: "reasoning",
  id: `rs_${maker}`,
  summary: [],
  encrypted_content: proof(maker),
});
const said = {
  type: "message",
  id: "msg_1",
  role: "assistant",
  status: "completed",
  content: [{ type: "output_text", text: "Hi.", annotations: [] }],
};
const response = (maker: string, output: readonly object[] = [reasoning(maker), said]) => ({
  id: `resp_${maker}`,
  object: "response",
  status: "completed",
  model: "m",
  output,
  usage: { input_tokens: 5, output_tokens: 2, total_tokens: 7 },
});

/** Both kinds of answer, whichever is asked for. */
function responds(maker: string, ofRequest = false): Upstream["answer"] {
  return (request, reply, { body }) => {
    const name = ofRequest ? `${maker}${String(request.headers.authorization).replace(/\W/g, "")}` : maker;
    if (!(JSON.parse(body) as { stream?: boolean }).stream) {
      reply.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(response(name)));
      return;
    }
    const event = (type: string, more: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;
    reply.writeHead(200, { "content-type": "text/event-stream" });
    reply.write(event("response.created", { response: { ...response(name, []), status: "in_progress" } }));
    reply.write(event("response.output_item.done", { output_index: 0, item: reasoning(name) }));
    reply.write(
      event("response.output_text.delta", { item_id: "msg_1", output_index: 1, content_index: 0, delta: "Hi." }),
    );
    reply.end(event("response.completed", { response: response(name) }));
  };
}

before(async () => {
  [one, other] = [await startUpstream(), await startUpstream()];
  const to = ({ origin }: Upstream, more: object = {}) => ({
    base_url: `${origin}/v1`,
    dialect: "openai-responses",
    api_key: "env.SECRET",
    ...more,
  });
  lab = await startLab({
    providers: {
      one: to(one),
      other: to(other),
      strict: to(other, { strict: true }),
      keys: to(one, { api_key: undefined, keys: ["a", "b", "c"].map((name) => ({ name, value: "env.SECRET" })) }),
      claude: to(one, { dialect: "anthropic" }),
      claude2: to(other, { dialect: "anthropic" }),
    },
    groups: {
      pair: { targets: ["one/m", "other/m"] },
      severe: { strategy: "ordered", targets: ["one/m", "strict/m"] },
      claudes: { targets: ["claude/m", "claude2/m"] },
    },
    record: { responses: false },
  });
  key = lab.createKey();
});
after(async () => {
  assert.deepEqual(lab.logged, []);
  await lab.stop();
  await Promise.all([one.stop(), other.stop()]);
});
afterEach(() => {
  for (const upstream of [one, other]) upstream.seen.length = 0;
});

const ask = (model: string, input: readonly object[], more: object = {}) =>
  lab.call({ path: "/v1/responses", key, body: { model, input, store: false, ...more } });
const user = { role: "user", content: "Hello" };
const broken: Upstream["answer"] = (_request, reply) =>
  void reply.writeHead(500, { "content-type": "application/json" }).end('{"error":{"message":"told"}}');
const credentials = async () => (await lab.rows()).map(({ credential }) => credential);

for (const stream of [false, true]) {
  test(`watchProofs() brings what was encrypted back to its provider, ${stream ? "streamed" : "whole"}, turn after turn`, async () => {
    const tag = stream ? "streamed" : "whole";
    one.answer = responds(`one${tag}`);
    other.answer = responds(`other${tag}`);
    for (const upstream of [one, other]) {
      // The first turns go anywhere, until the one that is wanted has answered.
      upstream.seen.length = 0;
      while (upstream.seen.length === 0) await ask("pair", [user], { stream });
      const maker = upstream === one ? `one${tag}` : `other${tag}`;
      const before = [one.seen.length, other.seen.length];
      for (let turn = 0; turn < 12; turn++) {
        const answer = await ask("pair", [user, reasoning(maker), said, user], { stream });
        assert.equal(answer.status, 200);
        assert.equal(answer.headers["x-bifrost-dropped-params"], undefined);
      }
      const now = [one.seen.length, other.seen.length];
      assert.equal(now[upstream === one ? 0 : 1]! - before[upstream === one ? 0 : 1]!, 12, maker);
    }
  });
}

test("watchProofs() brings it back to its credential as well", async () => {
  let count = 0;
  one.answer = (...all) => responds(`keyed${++count}`)(...all);
  await ask("keys/m", [user]);
  const maker = (await credentials()).at(-1);
  for (let turn = 0; turn < 10; turn++) {
    await ask("keys/m", [user, reasoning("keyed1"), said, user]);
    assert.equal((await credentials()).at(-1), maker);
  }
});

test("withoutForeignProofs() leaves out, and says so, what another has made when its maker is away", async () => {
  one.answer = responds("away");
  other.answer = responds("otheraway");
  while (one.seen.length === 0) await ask("pair", [user]);
  other.seen.length = 0;
  one.answer = broken;
  const answer = await ask("pair", [user, reasoning("away"), said, user]);
  assert.deepEqual([answer.status, answer.headers["x-bifrost-dropped-params"]], [200, "input.reasoning"]);
  const sent = JSON.parse(other.seen.at(-1)!.body) as { model: string; input: readonly { id?: string }[] };
  const { id: _id, ...withoutId } = said;
  assert.deepEqual([sent.model, sent.input], ["m", [user, withoutId, user]]);
  // What nobody here is known to have made goes on as it came.
  const unknown = await ask("other/m", [user, reasoning("stranger"), said]);
  assert.equal(unknown.status, 200);
  assert.match(other.seen.at(-1)!.body, /stranger/);
});

test("withoutForeignProofs() leaves out the older proofs of another where a conversation has both", async () => {
  one.answer = responds("mixedone");
  other.answer = responds("mixedother");
  while (one.seen.length === 0 || other.seen.length === 0) await ask("pair", [user]);
  const answer = await ask("pair", [user, reasoning("mixedone"), said, user, reasoning("mixedother"), said, user]);
  assert.deepEqual(
    [answer.headers["x-bifrost-provider"], answer.headers["x-bifrost-dropped-params"]],
    ["other", "input.reasoning"],
  );
  assert.doesNotMatch(other.seen.at(-1)!.body, /mixedone/);
  assert.match(other.seen.at(-1)!.body, /mixedother/);
});

test("withoutForeignProofs() refuses for a strict provider instead", async () => {
  one.answer = responds("severe");
  await ask("severe", [user]);
  one.answer = broken;
  const answer = await ask("severe", [user, reasoning("severe"), said, user]);
  assert.equal(other.seen.length, 0);
  assert.equal(errorOf(answer).code, "upstream_error", "the first failure is told");
  const row = (await lab.rows()).at(-1);
  assert.match(String(row?.attempts), /"target":"strict\/m".*"error":"unsupported_parameter"/);
});

test("watchProofs() brings Anthropic's signatures back, and leaves them where they are when their maker is away", async () => {
  const thinking = (maker: string) => ({ type: "thinking", thinking: "…", signature: proof(maker) });
  const message =
    (maker: string): Upstream["answer"] =>
    (_request, reply) => {
      const usage = { input_tokens: 1, output_tokens: 1 };
      const content = [thinking(maker), { type: "text", text: "Hi." }];
      const body = {
        id: "msg",
        type: "message",
        role: "assistant",
        model: "m",
        content,
        stop_reason: "end_turn",
        usage,
      };
      reply.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
  const say = (...messages: readonly object[]) =>
    lab.call({ path: "/v1/messages", key, body: { model: "claudes", max_tokens: 100, messages } });
  const again = [user, { role: "assistant", content: [thinking("sonnet"), { type: "text", text: "Hi." }] }, user];
  one.answer = message("sonnet");
  other.answer = message("haiku");
  while (one.seen.length === 0) await say(user);
  other.seen.length = 0;
  for (let turn = 0; turn < 10; turn++) await say(...again);
  assert.equal(other.seen.length, 0);
  one.answer = broken;
  const answer = await say(...again);
  assert.deepEqual([answer.status, answer.headers["x-bifrost-dropped-params"]], [200, undefined]);
  assert.match(other.seen.at(-1)!.body, /sonnet/);
});
