import assert from "node:assert/strict";
import { test } from "node:test";
import { parseProxy, proxyFor, proxyRules } from "../../../daemon/config/proxies.ts";

/** NO_PROXY, a URL, and whether it is reached directly. */
const cases: readonly (readonly [noProxy: string, url: string, direct: boolean])[] = [
  ["", "https://api.openai.com/v1", false],
  ["*", "https://api.openai.com/v1", true],
  ["openai.com", "https://api.openai.com/v1", true],
  ["openai.com", "https://openai.com", true],
  ["openai.com", "https://notopenai.com", false],
  [".openai.com", "https://api.openai.com", true],
  [".openai.com", "https://openai.com", true],
  ["*.openai.com", "https://api.openai.com", true],
  ["OpenAI.COM", "https://API.openai.com", true],
  ["openai.com.", "https://api.openai.com", true],
  ["openai.com", "https://api.openai.com.", true],
  ["a.b, openai.com", "https://api.openai.com", true],
  ["a.b openai.com", "https://api.openai.com", true],
  ["openai.com:443", "https://api.openai.com", true],
  ["openai.com:8443", "https://api.openai.com", false],
  ["openai.com:8443", "https://api.openai.com:8443", true],
  ["openai.com:80", "http://api.openai.com", true],
  ["10.0.0.7", "http://10.0.0.7:8000", true],
  ["10.0.0.7", "http://10.0.0.70:8000", false],
  ["10.0.0.7:8000", "http://10.0.0.7:8000", true],
  ["10.0.0.7:8001", "http://10.0.0.7:8000", false],
  ["0.7", "http://10.0.0.7", false],
  ["10.0.0.0/8", "http://10.200.3.4", true],
  ["10.0.0.0/8", "http://11.0.0.1", false],
  ["10.0.0.0/8", "http://ten.example", false],
  ["10.0.0.0/33", "http://10.0.0.1", false],
  ["192.168.1.0/28", "http://192.168.1.15", true],
  ["192.168.1.0/28", "http://192.168.1.16", false],
  ["fd00::/8", "http://[fd12::1]:8000", true],
  ["fd00::/8", "http://[fe80::1]:8000", false],
  ["fd12::1", "http://[fd12:0:0::1]:8000", true],
  ["[fd12::1]:8000", "http://[fd12::1]:8000", true],
  ["[fd12::1]:8001", "http://[fd12::1]:8000", false],
  [".", "https://api.openai.com", false],
  [":443", "https://api.openai.com", false],
  ["", "http://localhost:11434", true],
  ["", "http://ollama.localhost:11434", true],
  ["", "http://127.0.0.1:11434", true],
  ["", "http://127.9.9.9", true],
  ["", "http://[::1]:11434", true],
];

for (const [noProxy, url, direct] of cases) {
  test(`proxyFor() goes ${direct ? "directly" : "by proxy"} to ${url} with NO_PROXY="${noProxy}"`, () => {
    const rules = proxyRules({ HTTPS_PROXY: "http://p:1", HTTP_PROXY: "http://p:1", NO_PROXY: noProxy });
    assert.equal(proxyFor(new URL(url), rules), direct ? undefined : "http://p:1");
  });
}

test("proxyRules() lets lower case win, and falls back to ALL_PROXY", () => {
  assert.deepEqual(proxyRules({ HTTPS_PROXY: "upper", https_proxy: "lower", ALL_PROXY: "all", no_proxy: "a,,b" }), {
    https: "lower",
    http: "all",
    noProxy: ["a", "b"],
  });
  assert.deepEqual(proxyRules({ HTTPS_PROXY: "" }), { https: undefined, http: undefined, noProxy: [] });
});

test("proxyFor() chooses by the scheme of the provider", () => {
  const rules = proxyRules({ HTTPS_PROXY: "s", HTTP_PROXY: "h" });
  assert.deepEqual([proxyFor(new URL("https://a.b"), rules), proxyFor(new URL("http://a.b"), rules)], ["s", "h"]);
});

test("parseProxy() completes a bare host, keeps a password and refuses what is no HTTP proxy", () => {
  assert.equal(parseProxy("proxy.corp:3128"), "http://proxy.corp:3128");
  assert.equal(parseProxy("https://u:p@proxy.corp:3128/"), "https://u:p@proxy.corp:3128");
  for (const text of ["socks5://a:1", "http://", "http://a/path", "http://a?b", ":", "a b"]) {
    assert.equal(parseProxy(text), undefined, text);
  }
});
