/** A credential of ours is found in what a server says, however it writes it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { maskBytes, withoutPlainSecrets, withoutSecrets } from "../../../daemon/pipeline/without-secrets.ts";
import type { Provider } from "../../../daemon/routing/generation.ts";

const secret = 'sk-a/b+c?d\\e"f-0123';
const provider = {
  data: { credentials: [{ value: secret }, { value: "tiny" }], headers: { "x-api-token": "Bearer header-secret" } },
  credentials: [],
} as unknown as Provider;
const mask = "[our credential]";

test("withoutSecrets() masks a credential as it is, and in the escapes of JSON and of URLs", () => {
  const letters = [...secret];
  const hex = (letter: string) => letter.charCodeAt(0).toString(16).padStart(2, "0");
  for (const spelled of [
    secret,
    secret.toUpperCase(),
    JSON.stringify(secret).slice(1, -1),
    JSON.stringify(secret).slice(1, -1).replaceAll("/", "\\/"),
    JSON.stringify(JSON.stringify(secret).slice(1, -1)).slice(1, -1),
    letters.map((letter) => `\\u00${hex(letter)}`).join(""),
    letters.map((letter) => `\\\\u00${hex(letter).toUpperCase()}`).join(""),
    `\\u0073${secret.slice(1)}`,
    encodeURIComponent(secret),
    encodeURIComponent(encodeURIComponent(secret)),
    Buffer.from(secret).toString("hex"),
  ])
    assert.equal(withoutSecrets(`<${spelled}>`, provider), `<${mask}>`, spelled);
});

test("maskBytes() writes a credential over in its own length, wherever chunks are cut, and loses no byte", () => {
  const text = `a ${secret}sk-a/${secret} sk- header-secret tiny sk-a/b`;
  const expected = text.replaceAll(secret, "*".repeat(secret.length)).replace("header-secret", "*".repeat(13));
  for (let cut = 1; cut <= text.length; cut++) {
    const mask = maskBytes(provider);
    let told = "";
    for (let at = 0; at < text.length; at += cut)
      told += mask(Buffer.from(text.slice(at, at + cut)), false).toString("latin1");
    told += mask(Buffer.alloc(0), true).toString("latin1");
    assert.equal(told, expected, `cut at ${cut}`);
  }
});

test("withoutSecrets() masks a credential in base64, wherever it begins in what was encoded", () => {
  for (const before of ["", "u", "us", "use", "user:", "Bearer "])
    for (const after of ["", "x", "xy"])
      for (const kind of ["base64", "base64url"] as const) {
        const text = withoutSecrets(Buffer.from(before + secret + after).toString(kind), provider);
        const [left = "", right = ""] = text.split(mask);
        assert.ok(text.includes(mask), `${before}…${after} in ${kind}: ${text}`);
        const rest = Buffer.from(left, kind).toString("latin1") + Buffer.from(right, kind).toString("latin1");
        for (let at = 0; at + 4 < secret.length; at++) assert.ok(!rest.includes(secret.slice(at, at + 4)), rest);
      }
});

test("withoutSecrets() masks headers of the config, and leaves what is none alone", () => {
  assert.equal(withoutSecrets("Bearer header-secret, tiny, dGlueQ==", provider), `${mask}, ${mask}, dGlueQ==`);
  assert.equal(withoutSecrets("sk-a/b+c is a beginning", provider), "sk-a/b+c is a beginning");
  assert.equal(withoutPlainSecrets(`<${secret}> tiny`, provider), `<${mask}> ${mask}`);
});
