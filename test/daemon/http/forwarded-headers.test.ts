import assert from "node:assert/strict";
import { test } from "node:test";
import { forwardedHeaders, prepareHeaders, withProof } from "../../../daemon/http/forwarded-headers.ts";

const own = prepareHeaders(["authorization", "Bearer upstream-secret"]);
const base = ["content-type", "application/json", "accept-encoding", "identity"];
const credential = ["authorization", "Bearer upstream-secret"];

/** What of the client's headers comes out beside our own. */
function passed(...raw: readonly string[]): string[] {
  return forwardedHeaders(raw, true, [], own).slice(base.length + credential.length);
}

test("prepareHeaders() sets what every request has, and keeps the first of two", () => {
  assert.deepEqual(prepareHeaders(["X-One", "1", "x-one", "2", "Authorization", "Bearer k"]), {
    pairs: [...base, "x-one", "1", "authorization", "Bearer k"],
    names: new Set(["content-type", "accept-encoding", "x-one", "authorization"]),
  });
});

test("prepareHeaders() sends neither of what we set ourselves twice, whatever the config says", () => {
  assert.deepEqual(prepareHeaders(["Accept-Encoding", "gzip", "Content-Type", "application/x"]).pairs, base);
});

test("forwardedHeaders() passes on what a provider understands, as it came", () => {
  assert.deepEqual(passed("User-Agent", "sdk/1", "anthropic-beta", "a", "X-Stainless-Lang", "js"), [
    "user-agent",
    "sdk/1",
    "anthropic-beta",
    "a",
    "x-stainless-lang",
    "js",
  ]);
});

test("forwardedHeaders() keeps both of a header given twice", () => {
  assert.deepEqual(passed("anthropic-beta", "a", "anthropic-beta", "b"), [
    "anthropic-beta",
    "a",
    "anthropic-beta",
    "b",
  ]);
});

for (const name of [
  "Authorization",
  "x-api-key",
  "API-Key",
  "x-goog-api-key",
  "Cookie",
  "Proxy-Authorization",
  "Host",
  "Content-Length",
  "Content-Encoding",
  "Transfer-Encoding",
  "Connection",
  "Keep-Alive",
  "Proxy-Connection",
  "TE",
  "Trailer",
  "Upgrade",
  "Expect",
  "Accept-Encoding",
  "Origin",
  "Referer",
  "Forwarded",
  "Via",
  "X-Real-IP",
  "X-Forwarded-For",
  "X-Forwarded-Anything",
  "X-Bifrost-Debug",
  "x-bf-vk",
  "Sec-Fetch-Mode",
  "CF-Connecting-IP",
  "OpenAI-Organization",
  "OpenAI-Project",
  "X-Goog-User-Project",
  "X-HF-Bill-To",
]) {
  test(`forwardedHeaders() keeps ${name} to itself`, () => {
    assert.deepEqual(passed(name, "secret"), []);
    assert.deepEqual(passed(`x-bf-eh-${name}`, "secret"), []);
  });
}

test("forwardedHeaders() keeps what the connection header names, in any spelling", () => {
  assert.deepEqual(
    passed("X-Hop", "1", "Connection", "close, X-HOP", "x-end", "2", "connection", "X-Other", "x-other", "3"),
    ["x-end", "2"],
  );
});

test("forwardedHeaders() does not let the connection header take away what is ours", () => {
  assert.deepEqual(forwardedHeaders(["Connection", "authorization, content-type"], true, [], own), [
    ...base,
    ...credential,
  ]);
});

test("forwardedHeaders() lets a client's anthropic header take the place of the host's, never its credential", () => {
  const host = prepareHeaders(["anthropic-version", "2023-06-01", "x-api-key", "upstream-secret", "x-set", "config"]);
  assert.deepEqual(
    forwardedHeaders(["anthropic-version", "2030-01-01", "x-api-key", "sk-bf-mine", "x-set", "client"], true, [], host),
    [...base, "anthropic-version", "2030-01-01", "x-api-key", "upstream-secret", "x-set", "config"],
  );
});

test("forwardedHeaders() passes on nothing of the client's in another dialect, only what the dialect asks for", () => {
  assert.deepEqual(
    forwardedHeaders(
      ["anthropic-beta", "a", "user-agent", "sdk"],
      false,
      ["content-length", "7", "authorization", "x"],
      own,
    ),
    [...base, ...credential, "content-length", "7"],
  );
});

test("withProof() sends what a cloud's credential adds once, whatever a client says by the same name", () => {
  const cloud = ["authorization", "Bearer t", "x-goog-user-project", "ours"];
  const asked = ["x-bf-eh-x-goog-user-project", "theirs", "x-bf-eh-x-tenant", "acme"];
  const plain = ["X-Goog-User-Project", "theirs", "x-tenant", "acme"];
  for (const [raw, same] of [
    [asked, false],
    [asked, true],
    [plain, true],
  ] as const) {
    const headers = withProof(forwardedHeaders(raw, same, [], prepareHeaders([])), cloud);
    assert.deepEqual(headers, [...base, "x-tenant", "acme", ...cloud]);
  }
});
