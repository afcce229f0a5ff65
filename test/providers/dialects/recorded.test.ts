/** No recording is passed over: each decodes to its end, fails as it should, or is of something else, which says what. */
import assert from "node:assert/strict";
import { matchesGlob } from "node:path";
import { test } from "node:test";
import { dialects } from "../../../providers/dialects/index.ts";
import { GatewayError } from "../../../providers/gateway-error.ts";
import { allRecordings, broken, isOther, languageOf, noCorpora, others } from "./recorded.ts";
import { frames, replay } from "./replay.ts";

const all = allRecordings();
const answers = all.filter(({ name }) => !isOther(name) && broken[name] === undefined);

test("every recording is of something", { skip: noCorpora }, () => {
  assert.ok(answers.length > 240, `${answers.length} answers of ${all.length}`);
  const unknown = answers.filter(({ bytes }) => languageOf(bytes.toString("utf8")) === undefined);
  assert.deepEqual(
    unknown.map(({ name }) => name),
    [],
  );
  const unused = Object.keys(others).filter((pattern) => !all.some(({ name }) => matchesGlob(name, pattern)));
  assert.deepEqual(unused, []);
});

test("decode() and decodeStream() read every recorded answer to its end", { skip: noCorpora }, () => {
  for (const { name, bytes } of answers) {
    const text = bytes.toString("utf8");
    const dialect = dialects[languageOf(text)!];
    const events = name.endsWith(".json") ? dialect.decode(JSON.parse(text)) : replay(dialect, frames(text));
    assert.ok(
      events.some(({ type }) => type === "finish"),
      name,
    );
  }
});

test("what was recorded of failures is one, by its own code", { skip: noCorpora }, () => {
  for (const [name, code] of Object.entries(broken)) {
    const text = all.find((one) => one.name === name)!.bytes.toString("utf8");
    const failed = name.includes("/google/") ? "gemini" : "openai-chat";
    const dialect = dialects[languageOf(text) ?? failed];
    if (name.endsWith(".json")) {
      const body = JSON.parse(text) as { error: { code?: unknown } };
      const { code: told } = body.error;
      const status = typeof told === "number" ? told : told === "insufficient_quota" ? 429 : 400;
      assert.equal(dialect.decodeFailure(status, body).code, code, name);
    } else
      assert.throws(
        () => replay(dialect, frames(text)),
        (error) => error instanceof GatewayError && error.code === code,
        name,
      );
  }
});
