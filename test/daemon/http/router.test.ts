import assert from "node:assert/strict";
import { test } from "node:test";
import { dialectOf, match } from "../../../daemon/http/router.ts";
import { callRoutes, modelPaths, pathRoutes } from "../../../daemon/http/routes.ts";

const none = { kind: "none", allow: undefined };

test("match() finds each call by its whole path, with and without a query, and only for POST", () => {
  for (const [path, route] of callRoutes) {
    for (const target of [path, `${path}?beta=true`, `${path}?`, `http://any.host:81${path}`, `HTTPS://h${path}?a=b`]) {
      assert.deepEqual(match("POST", target), { kind: "call", route, model: undefined }, target);
    }
    for (const method of ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "post", "PATCH"]) {
      assert.deepEqual(match(method, path), { kind: "none", allow: "POST" }, method);
    }
  }
});

test("A38 match() takes no other spelling of a path for a route", () => {
  for (const path of [...callRoutes.keys(), "/health", ...modelPaths.keys()]) {
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
      ...(path === "/v1/messages" ? [`http:/${path}`] : []), // the first part is a host, and what is left a route of most
      `http://h/${path}`,
      `ftp://h${path}`,
      `//h${path}`,
    ].filter((target) => !modelPaths.has(path) || target !== `${path}/`);
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
  assert.deepEqual(match("GET", "/v1/models"), { kind: "models", model: undefined, shape: undefined });
  assert.deepEqual(match("HEAD", "/v1/models/a%2Fb"), { kind: "models", model: "a/b", shape: undefined });
  assert.deepEqual(match("GET", "/v1/models/a/b"), { kind: "models", model: "a/b", shape: undefined });
  assert.deepEqual(match("GET", "/v1/models/%zz"), { kind: "models", model: "%zz", shape: undefined });
  assert.deepEqual(match("DELETE", "/v1/models/a"), { kind: "none", allow: "GET" });
  for (const target of ["*", "", "/v1", "/toString", "/__proto__", "/v1/modelsx", "http://h", "http://h?x=/health"]) {
    assert.deepEqual(match("GET", target), none, target);
  }
});

test("dialectOf() answers who missed every route in the dialect they most likely speak", () => {
  assert.equal(dialectOf("/v1/chat", {}).id, "openai-chat");
  assert.equal(dialectOf("/v1/messages/batches", {}).id, "anthropic");
  assert.equal(dialectOf("/anthropic/v2", {}).id, "anthropic");
  assert.equal(dialectOf("/litellm/anthropic/x", {}).id, "anthropic");
  assert.equal(dialectOf("/anything", { "anthropic-version": "2023-06-01" }).id, "anthropic");
});

test("match() takes the model out of a path, decoded once, and nothing but a name", () => {
  assert.ok(pathRoutes.size > 0);
  for (const [before, rows] of pathRoutes) {
    for (const { after, route } of rows) {
      const at = (model: string, query = "") => match("POST", `${before}${model}${after}${query}`);
      const model = (written: string, query?: string) => {
        const found = at(written, query);
        return found.kind === "call" ? found.model : found;
      };
      assert.deepEqual(at("a-1.5"), { kind: "call", route, model: "a-1.5" });
      assert.equal(model("openai/gpt-4o"), "openai/gpt-4o");
      assert.equal(model("openai%2Fgpt-4o"), "openai/gpt-4o");
      assert.equal(model("a%3Ab:0"), "a:b:0");
      assert.equal(model("a%252Fb"), "a%2Fb");
      assert.equal(model("%F0%9F%8C%8D"), "🌍");
      assert.equal(model("m", "?key=x&alt=sse"), "m");
      const odd = [
        "",
        "%zz",
        "%",
        "%00",
        "a%0Ab",
        "a b",
        "a%20b",
        "..",
        "../x",
        "a/../b",
        "a//b",
        "/a",
        "a/",
        ".",
        "%2e%2e",
      ];
      for (const written of [...odd, "a%2F..", "a\\b", "a%5Cb", "a;b", "a%3Bb", "x".repeat(600), "%ff"]) {
        assert.equal(at(written).kind, "none", `${before}${written}${after}`); // perhaps a place to GET models at
      }
      for (const method of ["GET", "PUT", "OPTIONS"]) {
        assert.deepEqual(match(method, `${before}m${after}`), { kind: "none", allow: "POST" }, method);
      }
    }
  }
});

test("match() frames a Gemini stream as its query asks", () => {
  const framing = (query: string) => {
    const found = match("POST", `/v1beta/models/m:streamGenerateContent${query}`);
    return found.kind === "call" ? [found.route.stream, found.route.framing] : found;
  };
  assert.deepEqual(framing(""), [true, "json-array"]);
  assert.deepEqual(framing("?key=k"), [true, "json-array"]);
  assert.deepEqual(framing("?alt=sse"), [true, "sse"]);
  assert.deepEqual(framing("?key=k&alt=sse&x=y"), [true, "sse"]);
  const vertex = "/v1/projects/p-1/locations/europe-west4/publishers/google/models/m:generateContent";
  for (const prefix of ["", "/genai", "/litellm/genai"]) {
    const found = match("POST", prefix + vertex);
    assert.deepEqual(found.kind === "call" && [found.route.name, found.model], ["gemini.generate", "m"], prefix);
  }
});
