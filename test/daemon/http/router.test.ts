import assert from "node:assert/strict";
import { test } from "node:test";
import { callRoutes, dialectOf, match } from "../../../daemon/http/router.ts";

const none = { kind: "none", allow: undefined };

test("match() finds each call by its whole path, with and without a query, and only for POST", () => {
  for (const [path, route] of Object.entries(callRoutes)) {
    for (const target of [path, `${path}?beta=true`, `${path}?`, `http://any.host:81${path}`, `HTTPS://h${path}?a=b`]) {
      assert.deepEqual(match("POST", target), { kind: "call", route }, target);
    }
    for (const method of ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "post", "PATCH"]) {
      assert.deepEqual(match(method, path), { kind: "none", allow: "POST" }, method);
    }
  }
});

test("A38 match() takes no other spelling of a path for a route", () => {
  for (const path of [...Object.keys(callRoutes), "/health", "/v1/models"]) {
    const spellings = [
      `/${path}`,
      `${path}/`,
      `${path};a=b`,
      `${path}%20`,
      `${path}#x`,
      `/.${path}`,
      `/x/..${path}`,
      path.replace("/", "/%2e/"),
      path.replace("/", "\\"),
      path.slice(1),
      path.toUpperCase(),
      path.replace(/.$/, (last) => `%${last.charCodeAt(0).toString(16)}`),
      `http:/${path}`,
      `http://h/${path}`,
      `ftp://h${path}`,
      `//h${path}`,
    ].filter((target) => target !== "/v1/models/");
    for (const method of ["GET", "POST"]) {
      for (const target of spellings) assert.deepEqual(match(method, target), none, `${method} ${target}`);
    }
  }
});

test("match() knows what is no call", () => {
  assert.deepEqual(match("GET", "/health"), { kind: "health", check: "all" });
  assert.deepEqual(match("HEAD", "/health/live?x"), { kind: "health", check: "live" });
  assert.deepEqual(match("GET", "/health/ready"), { kind: "health", check: "ready" });
  assert.deepEqual(match("POST", "/health"), { kind: "none", allow: "GET" });
  assert.deepEqual(match("GET", "/v1/models"), { kind: "models", model: undefined });
  assert.deepEqual(match("HEAD", "/v1/models/a%2Fb"), { kind: "models", model: "a/b" });
  assert.deepEqual(match("GET", "/v1/models/a/b"), { kind: "models", model: "a/b" });
  assert.deepEqual(match("GET", "/v1/models/%zz"), { kind: "models", model: "%zz" });
  assert.deepEqual(match("DELETE", "/v1/models/a"), { kind: "none", allow: "GET" });
  for (const target of [
    "*",
    "",
    "/",
    "/v1",
    "/toString",
    "/__proto__",
    "/v1/modelsx",
    "http://h",
    "http://h?x=/health",
  ]) {
    assert.deepEqual(match("GET", target), none, target);
  }
});

test("dialectOf() answers who missed every route in the dialect they most likely speak", () => {
  assert.equal(dialectOf("/v1/chat", {}).id, "openai-chat");
  assert.equal(dialectOf("/v1/messages/batches", {}).id, "anthropic");
  assert.equal(dialectOf("/anything", { "anthropic-version": "2023-06-01" }).id, "anthropic");
});
