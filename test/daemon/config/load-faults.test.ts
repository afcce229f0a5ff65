/** What is said of a config that is wrong: one fault at a time, each with its place. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { problems } from "./loading.ts";

/** Text, and all that is said about it. */
const faults: readonly (readonly [name: string, text: string, said: readonly string[]])[] = [
  ["an unknown key", "server:\n  prot: 1\n", ['c.yaml:2:3: server.prot: unknown key (did you mean "port"?)']],
  [
    "a key of another section",
    "log:\n  port: 1\n",
    [
      'c.yaml:2:3: log.port: unknown key; known here: level, format, file, rotate_size, rotate_keep (did you mean "server.port"?)',
    ],
  ],
  [
    "a key in a list",
    "providers:\n  openai:\n    keys:\n      - value: env.OPENAI_API_KEY\n        wieght: 2\n",
    ['c.yaml:5:9: providers.openai.keys[0].wieght: unknown key (did you mean "weight"?)'],
  ],
  [
    "a list without what it needs",
    "providers:\n  openai:\n    keys:\n      - weight: 2\n",
    ["c.yaml:4:9: providers.openai.keys[0]: needs value"],
  ],
  ["a wrong kind", "server: { port: http }\n", ["c.yaml:1:17: server.port: expected a whole number, got text"]],
  ["a flag in quotes", 'echo: "no"\n', ["c.yaml:1:7: echo: expected true or false, got text"]],
  [
    "a choice",
    "auth: { inference: key }\n",
    ['c.yaml:1:20: auth.inference: must be one of keys, open (did you mean "keys"?)'],
  ],
  [
    "a block that would block nobody",
    'governance: { keys: { ci: { value: env.OPENAI_API_KEY, blocked: ["gpt-*-mini"] } } }\n',
    [
      'c.yaml:1:66: governance.keys.ci.blocked[0]: must be a model name, with a "*" at its end at most, or "regex:" and an expression',
    ],
  ],
  [
    "expressions that are none",
    'governance:\n  teams: { a: { models: ["regex:gpt-(4"] } }\n  model_limits: [{ model: "regex:(?=a)b", rpm: 1 }]\n',
    [
      'c.yaml:2:26: governance.teams.a.models[0]: "regex:gpt-(4" is not understood: missing closing ): `gpt-(4`',
      'c.yaml:3:27: governance.model_limits[0].model: "regex:(?=a)b" is not understood: invalid or unsupported Perl syntax: `(?=`',
    ],
  ],
  [
    "an expression without end",
    `governance: { teams: { a: { blocked: ["regex:${"a".repeat(260)}"] } } }\n`,
    [`c.yaml:1:39: governance.teams.a.blocked[0]: "regex:${"a".repeat(260)}" has more than 256 characters`],
  ],
  ["a port out of range", "server: { port: 65536 }\n", ["c.yaml:1:17: server.port: must not be more than 65535"]],
  [
    "a broken number",
    "server: { workers: 1.5 }\n",
    ["c.yaml:1:20: server.workers: expected a whole number, got a number"],
  ],
  [
    "a duration without unit",
    "timeouts: { idle: 30 }\n",
    ["c.yaml:1:19: timeouts.idle: expected a duration such as 30s, 5m or 2h, got a number"],
  ],
  ["a duration of nothing", "timeouts: { idle: 0s }\n", ["c.yaml:1:19: timeouts.idle: must be at least 1ms"]],
  [
    "a timer that no timer holds",
    "timeouts: { idle: 5w }\n",
    ["c.yaml:1:19: timeouts.idle: must not be longer than 24d"],
  ],
  [
    "a size",
    "server: { body_max: 32 }\n",
    ["c.yaml:1:21: server.body_max: expected a size such as 512KB or 32MB, got a number"],
  ],
  [
    "sizes that contradict",
    "server: { body_max: 1GB }\n",
    ["c.yaml:1:21: server.body_max: bodies_max (256MB) must not be less than body_max (1GB)"],
  ],
  [
    "a budget",
    "auth: { first_key_budget: 10 per day }\n",
    ["c.yaml:1:27: auth.first_key_budget: expected dollars and a period such as 10/1d, or none"],
  ],
  ["an address", "server: { host: 300.1.1.1 }\n", ["c.yaml:1:17: server.host: is neither an address nor a host name"]],
  [
    "a zone",
    "ledger: { zone: Europe/Atlantis }\n",
    ["c.yaml:1:17: ledger.zone: is no time zone; expected a name such as Europe/Berlin or UTC"],
  ],
  [
    "an unknown host",
    "providers:\n  opnai: {}\n",
    [
      'c.yaml:2:3: providers.opnai: "opnai" is no known host: give its base_url, or the host it is an account of (did you mean "openai"?)',
    ],
  ],
  [
    "a wrong host",
    "providers: { a: { host: grok } }\n",
    ['c.yaml:1:25: providers.a.host: no host is called "grok" (did you mean "groq"?)'],
  ],
  [
    "a host named like a property of all objects",
    "providers: { a: { host: constructor } }\n",
    ['c.yaml:1:25: providers.a.host: no host is called "constructor"'],
  ],
  [
    "a custom host without address",
    "providers: { a: { host: custom } }\n",
    ["c.yaml:1:14: providers.a: needs a base_url: where does it speak openai-chat?"],
  ],
  [
    "a built-in name",
    "providers: { echo: {} }\n",
    [
      "c.yaml:1:14: providers.echo: is built in; turn it off with `echo: false`, or use `host: echo` under another name",
    ],
  ],
  [
    "a name with a slash",
    "providers: { a/b: { host: echo } }\n",
    [
      "c.yaml:1:14: providers.a/b: a provider's name has letters, digits, `.`, `_` and `-`, at most 64, the first a letter or digit",
    ],
  ],
  [
    "an address with a path too much",
    "providers: { a: { base_url: http://x/v1/chat/completions } }\n",
    ["c.yaml:1:29: providers.a.base_url: must end before /chat/completions: the operation's path is added"],
  ],
  [
    "an address that is none",
    "providers: { a: { base_url: models.corp } }\n",
    ["c.yaml:1:29: providers.a.base_url: is no URL; expected something like https://api.example.com/v1"],
  ],
  [
    "an address of another kind",
    "providers: { a: { base_url: ftp://x } }\n",
    ["c.yaml:1:29: providers.a.base_url: must begin with https:// or http://"],
  ],
  [
    "ourselves",
    "providers: { llamacpp: {} }\n",
    [
      "c.yaml:1:14: providers.llamacpp: points at this gateway itself (port 8080): give the provider's own port, or change server.port",
    ],
  ],
  [
    "a host without key",
    "providers: { groq: {} }\n",
    ["c.yaml:1:14: providers.groq: has no key: set GROQ_API_KEY, or write api_key: env.NAME"],
  ],
  [
    "a variable that is not set",
    "providers: { groq: { api_key: env.OPENAI_API_KY } }\n",
    [
      'c.yaml:1:31: providers.groq.api_key: environment variable OPENAI_API_KY is not set (did you mean "env.OPENAI_API_KEY"?)',
    ],
  ],
  [
    "a variable that is empty",
    "providers: { groq: { api_key: env.EMPTY } }\n",
    ["c.yaml:1:31: providers.groq.api_key: environment variable EMPTY is empty"],
  ],
  [
    "a secret of two lines",
    "providers: { groq: { api_key: env.BREAK } }\n",
    ["c.yaml:1:31: providers.groq.api_key: environment variable BREAK holds more than one line"],
  ],
  [
    "a secret in a missing file",
    "providers: { groq: { api_key: file./no/such } }\n",
    ["c.yaml:1:31: providers.groq.api_key: cannot read /no/such: no such file"],
  ],
  [
    "a secret in a device",
    "providers: { groq: { api_key: file./dev/zero } }\n",
    ["c.yaml:1:31: providers.groq.api_key: cannot read /dev/zero: it is no plain file"],
  ],
  [
    "a secret store",
    'providers: { groq: { api_key: "vault.kv/groq#key" } }\n',
    [
      "c.yaml:1:31: providers.groq.api_key: vault. references are not available in this build: use env.NAME or file.PATH",
    ],
  ],
  [
    "another tool's reference",
    "providers: { groq: { api_key: os.environ/GROQ } }\n",
    ['c.yaml:1:31: providers.groq.api_key: is another tool\'s way to write a reference (did you mean "env.GROQ"?)'],
  ],
  [
    "a shell's reference",
    `providers: { groq: { api_key: "\${GROQ}" } }\n`,
    ['c.yaml:1:31: providers.groq.api_key: is another tool\'s way to write a reference (did you mean "env.GROQ"?)'],
  ],
  [
    "a key and keys",
    "providers:\n  openai:\n    api_key: env.OPENAI_API_KEY\n    keys: [{ value: env.OPENAI_API_KEY }]\n",
    ["c.yaml:3:5: providers.openai.api_key: stands beside keys: write one of the two"],
  ],
  [
    "keys of one name",
    "providers: { openai: { keys: [{ name: a, value: env.OPENAI_API_KEY }, { name: a, value: env.OPENAI_API_KEY }] } }\n",
    ['c.yaml:1:71: providers.openai.keys[1]: two keys are called "a"'],
  ],
  [
    "a header of the transport",
    "providers: { openai: { headers: { Host: x } } }\n",
    ["c.yaml:1:35: providers.openai.headers.Host: is written by the transport and cannot be set"],
  ],
  [
    "a header that is none",
    'providers: { openai: { headers: { "a b": x } } }\n',
    ["c.yaml:1:35: providers.openai.headers.a b: is no valid header name"],
  ],
  [
    "a missing authority",
    "providers: { openai: { ca_file: /no/ca.pem } }\n",
    ["c.yaml:1:33: providers.openai.ca_file: cannot read /no/ca.pem: no such file"],
  ],
  [
    "a proxy of another kind",
    "network: { proxy: socks5://x:1 }\n",
    [
      "c.yaml:1:19: network.proxy: is no http:// or https:// proxy URL; expected something like http://proxy.corp:3128, or none",
    ],
  ],
  [
    "aliases in a circle",
    "aliases:\n  a: b\n  b: c\n  c: b\n",
    [
      "c.yaml:3:6: aliases.b: leads back to itself: b → c → b",
      "c.yaml:4:6: aliases.c: leads back to itself: c → b → c",
    ],
  ],
  [
    "an alias to a strange provider",
    "providers: { openai: }\naliases: { a: opena/gpt }\n",
    [
      'c.yaml:2:15: aliases.a: no provider is called "opena", and none lists "opena/gpt" as a model (did you mean "openai/gpt"?)',
    ],
  ],
  [
    "an alias to a model that is not listed",
    "providers: { openai: { models: [gpt-5], any_model: false } }\naliases: { a: openai/gpt-6 }\n",
    ['c.yaml:2:15: aliases.a: provider openai does not list the model "gpt-6" (did you mean "openai/gpt-5"?)'],
  ],
  [
    "a fallback to itself",
    "fallbacks: { echo: [echo] }\n",
    ["c.yaml:1:21: fallbacks.echo: falls back to itself"].map((line) =>
      line.replace("fallbacks.echo:", "fallbacks.echo[0]:"),
    ),
  ],
  [
    "a fallback written twice",
    "fallbacks: { x: [echo, echo] }\n",
    ['c.yaml:1:24: fallbacks.x[1]: "echo" stands here twice'],
  ],
  [
    "a fallback of a wrong kind",
    "fallbacks: { x: 3 }\n",
    ["c.yaml:1:17: fallbacks.x: expected a model name, a list of 1 to 16 of them, or lists by kind of failure"],
  ],
  [
    "a price without provider",
    "prices: { gpt: { input: 1 } }\n",
    ["c.yaml:1:11: prices.gpt: expected provider/model or provider/*"],
  ],
  ["a price of nothing", "prices: { echo-paid/*: {} }\n", ["c.yaml:1:24: prices.echo-paid/*: says no price"]],
  [
    "a price below nothing",
    "prices: { echo-paid/*: { input: -1 } }\n",
    ["c.yaml:1:33: prices.echo-paid/*.input: must not be negative"],
  ],
  [
    "a price that no sum could hold",
    "prices: { echo-paid/*: { input: 1001 } }\n",
    ["c.yaml:1:33: prices.echo-paid/*.input: must not be more than 1000"],
  ],
  ["a key written twice", "server:\n  port: 1\n  port: 2\n", ["c.yaml:3:3: this key stands here twice"]],
  ["tabs", "server:\n\tport: 1\n", ["c.yaml:2:1: YAML is indented with spaces, not tabs"]],
  ["nothing at all", "", ["c.yaml:1:1: the file is empty; write {} for a config that says nothing"]],
  ["only comments", "# later\n", ["c.yaml:1:1: the file is empty; write {} for a config that says nothing"]],
  ["a list", "- a\n", ["c.yaml:1:1: expected keys and values, got a list"]],
  [
    "two documents",
    "echo: true\n---\necho: false\n",
    ["c.yaml:2:1: the file holds several documents (---); a config is one"],
  ],
  [
    "a zero byte",
    "echo: tr\0ue\n",
    ["c.yaml:1:8: the file holds a zero byte: it is not text, or was cut while being written"],
  ],
  ["an anchor in itself", "aliases: &a\n  x: *a\n", ['c.yaml:2:6: the anchor "a" contains itself']],
  ["an anchor that is not there", "aliases:\n  x: *a\n", ['c.yaml:2:6: no anchor is called "a"']],
  [
    "a bomb of anchors",
    `a: &a [x,x,x,x,x,x,x,x,x,x]\n${[..."bcdefgh"].map((name, i) => `${name}: &${name} [${`*${"abcdefg"[i]},`.repeat(10)}]`).join("\n")}\n`,
    ["c.yaml:1:1: anchors are repeated more than 100 times"],
  ],
  [
    "LiteLLM's file",
    "model_list:\n  - model_name: gpt\n",
    ["c.yaml:1:1: model_list: this looks like LiteLLM's; run bifrost import litellm"],
  ],
];

for (const [name, text, said] of faults) {
  test(`loadConfig() reports ${name}`, async () => assert.deepEqual(await problems(text), said));
}
