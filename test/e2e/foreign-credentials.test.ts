/**
 * A request that goes on to another provider takes no secret along: neither the credentials of the one that failed, in
 * whatever way either of them is told who asks, nor the client's virtual key, in whatever way it came. Every upstream here
 * writes down all that it was sent.
 */
import assert from "node:assert/strict";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import type { KeySecretAnswer } from "../../daemon/admin/contract/keys.ts";
import { bodyFor, type Caller, pathFor, send } from "../support/client.ts";
import { speak } from "../support/cloud-answers.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { isSignedWith, scopeOf } from "../support/sigv4.ts";

/** How a provider is told who asks. */
const styles = ["bearer", "x-api-key", "x-goog-api-key", "api-key", "several headers", "sigv4"] as const;
type Style = (typeof styles)[number];
/** The providers of each style: one that breaks, one that refuses its credentials, one that answers. */
const roles = ["breaks", "refuses", "answers"] as const;
type Role = (typeof roles)[number];

const hosts: Readonly<Record<Exclude<Style, "sigv4">, readonly [host: string, base: string]>> = {
  bearer: ["openai", "/v1"],
  "x-api-key": ["anthropic", "/v1"],
  "x-goog-api-key": ["gemini", "/v1beta"],
  "api-key": ["azure", ""],
  "several headers": ["opencode-zen", "/v1"],
};
const nameOf = (role: Role, style: Style) => `${role}-${style.replace(" ", "-")}`;
const keyNames = ["one", "two"] as const;
/** Long and of its own, so that nothing else looks like it. */
const secretOf = (provider: string, key: string) => `canary-of-${provider}-${key}-5f1c`;
const variableOf = (provider: string, key: string) => `SECRET_${provider}_${key}`.toUpperCase().replaceAll("-", "_");

type Sent = { method: string; path: string; headers: IncomingHttpHeaders; body: string };
const seen = new Map<string, Sent[]>();
const servers: Server[] = [];
const completion = JSON.stringify({
  ...{ id: "c", object: "chat.completion", created: 1, model: "m" },
  choices: [{ index: 0, message: { role: "assistant", content: "Grüezi" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 },
});

async function startUpstream(name: string): Promise<string> {
  const calls: Sent[] = [];
  seen.set(name, calls);
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const { method = "", url: path = "", headers } = request;
      const sent = { method, path, headers, body: Buffer.concat(parts).toString("utf8") };
      calls.push(sent);
      const status = name.startsWith("breaks") ? 500 : name.startsWith("refuses") ? 401 : 200;
      const said = speak(sent) ?? { type: "application/json", body: completion };
      response.writeHead(status, { "content-type": status === 200 ? said.type : "application/json" });
      response.end(status === 200 ? said.body : '{"error":{"message":"no"},"message":"no"}');
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** How a client says who it is: each is the way of one vendor's SDK, in that vendor's language. */
const ways: Readonly<Record<string, { dialect: Caller; headers?: (key: string) => Record<string, string> }>> = {
  bearer: { dialect: "chat", headers: (key) => ({ authorization: `Bearer ${key}` }) },
  "x-api-key": { dialect: "messages", headers: (key) => ({ "x-api-key": key, authorization: `Bearer ${decoy}` }) },
  "x-goog-api-key": { dialect: "gemini", headers: (key) => ({ "x-goog-api-key": key, "api-key": decoy }) },
  "api-key": { dialect: "chat", headers: (key) => ({ "api-key": key, "x-goog-api-key": decoy }) },
  sigv4: {
    dialect: "converse",
    headers: (key) => ({
      authorization: `AWS4-HMAC-SHA256 Credential=${key}/20260101/eu-1/bedrock/aws4_request, SignedHeaders=host, Signature=00`,
      "x-amz-security-token": decoy,
    }),
  },
  query: { dialect: "gemini" },
};
/** What a client has of its own, and nobody is to have. */
const decoy = "canary-of-the-client-77aa";

let daemon: Daemon;
/** One may use every key of a provider, the other the second of each. */
const keys: Record<"free" | "bound", string> = { free: "", bound: "" };
before(async () => {
  const providers: Record<string, object> = {};
  const env: Record<string, string> = {};
  for (const role of roles) {
    for (const style of styles) {
      const name = nameOf(role, style);
      const origin = await startUpstream(name);
      for (const key of keyNames) env[variableOf(name, key)] = secretOf(name, key);
      const value = (key: string) => `env.${variableOf(name, key)}`;
      if (style === "sigv4") {
        const aws = { region: "eu-1", access_key_id: value("one"), secret_access_key: value("two") };
        providers[name] = { host: "bedrock", base_url: origin, free: true, aws };
      } else {
        const [host, base] = hosts[style];
        const several = keyNames.map((key) => ({ name: key, value: value(key) }));
        providers[name] = { host, base_url: `${origin}${base}`, free: true, keys: several };
      }
    }
  }
  daemon = await startDaemon({
    env,
    config: { ledger: patientLedger, routing: { breaker: { enabled: false } }, providers },
  });
  keys.free = await daemon.createKey({ rpm: 100_000 });
  const bound = Object.keys(providers).map((provider) => ({
    provider,
    models: ["*"],
    ...(provider.endsWith("sigv4") ? {} : { credentials: ["two"] }),
  }));
  const made = await daemon.admin<KeySecretAnswer>("POST", "/api/keys", { name: "bound", providers: bound });
  keys.bound = made.secret;
});
after(async () => {
  await daemon?.stop();
  for (const server of servers) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function ask(way: string, key: string, model: string, fallback: string): Promise<void> {
  const { dialect, headers } = ways[way]!;
  const question = { dialect, model, body: { fallbacks: [fallback] } };
  const path = headers === undefined ? `${pathFor(question)}?key=${key}` : pathFor(question);
  const opened = await send(daemon.url, {
    method: "POST",
    path,
    headers: {
      "content-type": "application/json",
      "anthropic-version": "2023-06-01",
      cookie: decoy,
      "proxy-authorization": `Bearer ${decoy}`,
      ...headers?.(key),
    },
    body: JSON.stringify(bodyFor(question)),
  });
  const answer = await opened.answer();
  assert.equal(answer.status, 200, `${way}: ${answer.text}`);
}

/** Everything that an upstream has got since it was last looked at holds its own credentials and no other secret. */
function assertOwn(provider: string, style: Style, names: readonly string[]): readonly string[] {
  const calls = seen.get(provider)!.splice(0);
  assert.ok(calls.length > 0, `${provider} was asked`);
  return calls.map((call) => {
    const told = decodeURIComponent(`${call.path} ${JSON.stringify(call.headers)} ${call.body}`);
    for (const secret of [keys.free, keys.bound, decoy]) assert.ok(!told.includes(secret), `${provider} got ${told}`);
    const credentials = [...new Set(told.match(/canary-of-[\w-]+/g))];
    assert.equal(credentials.length, 1, `${provider} got ${told}`);
    const used = names.find((name) => credentials[0] === secretOf(provider, name));
    assert.ok(used !== undefined, `${provider} got ${credentials[0]}`);
    if (style === "sigv4") {
      assert.equal(scopeOf(call)?.accessKeyId, secretOf(provider, "one"));
      assert.ok(isSignedWith(secretOf(provider, "two"), call), "its own secret signed it");
    }
    return used;
  });
}

for (const from of styles) {
  describe(`from ${from}`, () => {
    for (const to of styles) {
      test(`A41 headersFor() takes no secret along from ${from} to ${to}, whichever way the client came`, async () => {
        const [broken, sound] = [nameOf("breaks", from), nameOf("answers", to)];
        for (const way of Object.keys(ways)) {
          for (const bound of [false, true]) {
            await ask(way, bound ? keys.bound : keys.free, `${broken}/claude-m`, `${sound}/claude-m`);
            const allowed = (style: Style) => (style === "sigv4" ? ["one"] : bound ? ["two"] : keyNames);
            assertOwn(broken, from, allowed(from));
            assert.equal(assertOwn(sound, to, allowed(to)).length, 1);
          }
        }
      });
    }

    test(`A41 a credential that ${from} refuses goes nowhere else, nor does that which is tried after it`, async () => {
      const to = styles[(styles.indexOf(from) + 1) % styles.length]!;
      const [refuses, sound] = [nameOf("refuses", from), nameOf("answers", to)];
      await ask("bearer", keys.free, `${refuses}/claude-m`, `${sound}/claude-m`);
      const tried = assertOwn(refuses, from, keyNames);
      assert.deepEqual([...tried].sort(), from === "sigv4" ? ["one"] : ["one", "two"]);
      assertOwn(sound, to, to === "sigv4" ? ["one"] : keyNames);
    });
  });
}
