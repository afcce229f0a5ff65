/**
 * A canary in every place that holds a credential, and every party that is told one says it again: providers, a proxy,
 * receivers of traces, numbers, alerts and texts. Then all that anybody can read is searched, in every spelling.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { send } from "../support/client.ts";
import { type Daemon, patientLedger, startDaemon, temporaryHome } from "../support/daemon.ts";
import { until } from "../support/until.ts";

/** Where each is written in the config below. */
const canaries = {
  UP_KEY: "sk-canary/up-4f1c+7d",
  SECOND_KEY: "sk-canary-second-9a02",
  HEADER: "canary-header-77be",
  PROXY: "canary-proxy-c0de",
  AWS_SECRET: "canary-aws-secret-51aa",
  AWS_SESSION: "canary-aws-session-1b2c",
  TRACE: "canary-trace-88d1",
  PUSH: "canary-push-3e3e",
  HOOK_SECRET: `whsec_${Buffer.from("canary-hook-secret-0000-1111-22").toString("base64")}`,
  S3_SECRET: "canary-s3-secret-6f6f",
  OWN_KEY: "canary-own-key-of-a-client-2a2a",
} as const;
const hookPath = "/canary-hook-path-d4d4";

const heard: { readonly to: string; readonly headers: string }[] = [];
const servers: Server[] = [];
let daemon: Daemon;
let home: string;
let caller: string;
let strangerCalls = 0;

before(async () => {
  home = temporaryHome();
  const stranger = await listening((_, response) => {
    strangerCalls += 1;
    response.end("{}");
  });
  const upstream = await listening((request, response) => quote(request, response, stranger));
  const proxy = await listening((request, response) => quote(request, response, stranger));
  servers[2]!.on("connect", (request, socket) => {
    heard.push({ to: "proxy", headers: JSON.stringify(request.headers) });
    const told = `you said ${request.headers["proxy-authorization"]}`;
    socket.end(`HTTP/1.1 407 Who is ${told}\r\nx-told: ${told}\r\ncontent-length: ${told.length}\r\n\r\n${told}`);
  });
  const key = (value: string) => ({ api_key: `env.${value}` });
  daemon = await startDaemon({
    home,
    env: {
      ...canaries,
      HOOK: `${upstream}${hookPath}`,
      PROXY_URL: `${proxy.replace("//", `//user:${canaries.PROXY}@`)}`,
    },
    config: {
      ledger: patientLedger,
      log: { level: "debug" },
      auth: { raw_bodies: "all" },
      providers: {
        up: { base_url: `${upstream}/v1`, ...key("UP_KEY") },
        an: {
          base_url: `${upstream}/v1`,
          dialect: "anthropic",
          keys: [{ value: "env.SECOND_KEY" }, { value: "env.UP_KEY" }],
        },
        ge: { base_url: `${upstream}/v1beta`, dialect: "gemini", ...key("UP_KEY") },
        hd: { base_url: `${upstream}/v1`, ...key("UP_KEY"), headers: { "x-corp-token": "env.HEADER" } },
        px: { base_url: "https://elsewhere.test/v1", ...key("UP_KEY"), proxy: "env.PROXY_URL" },
        aws: {
          host: "bedrock",
          base_url: upstream,
          aws: {
            access_key_id: "AKIACANARY",
            secret_access_key: "env.AWS_SECRET",
            session_token: "env.AWS_SESSION",
            region: "us-east-1",
          },
        },
      },
      governance: { keys: { own: { value: "env.OWN_KEY" } } },
      record: {
        content: "full",
        offload: {
          ...{ to: "s3", bucket: "b", endpoint: upstream, access_key_id: "AKIAS3" },
          secret_access_key: "env.S3_SECRET",
        },
      },
      metrics: { push: { url: upstream, user: "u", password: "env.PUSH", interval: "1s" } },
      tracing: { endpoint: `${upstream}/v1/traces`, headers: { authorization: "Bearer env.TRACE" } },
      alerts: {
        channels: { hook: { type: "webhook", url: "env.HOOK", secret: "env.HOOK_SECRET", allow_private: true } },
      },
    },
  });
  caller = await daemon.createKey({ name: "canary" });
});
after(async () => {
  await daemon?.stop();
  for (const server of servers) server.close().closeAllConnections();
  rmSync(home, { recursive: true, force: true });
});

async function listening(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Says every header that it was told, in the spelling that the model's name asks for. */
function quote(request: IncomingMessage, response: ServerResponse, stranger: string): void {
  const parts: Buffer[] = [];
  request.on("data", (part: Buffer) => parts.push(part));
  request.on("end", () => {
    const url = request.url ?? "";
    heard.push({ to: url, headers: JSON.stringify(request.headers) + url });
    const asked = `${url} ${Buffer.concat(parts).toString("latin1")}`;
    const said = Object.values(request.headers).join(" ");
    const secrets = said.match(/(?:sk-)?canary[\w/+-]*/g) ?? [];
    const told = secrets.flatMap((secret) => spellings(secret)).join(" | ");
    const way = /way-[a-z-]+/.exec(asked)?.[0] ?? "";
    const message = `${said} ${told} ${url}`;
    const headers = {
      "content-type": "application/json",
      "set-cookie": `a=${said}`,
      "x-told": said,
      "x-amzn-note": said,
    };
    if (way === "way-redirect") {
      response.writeHead(307, { ...headers, location: `${stranger}/?${encodeURIComponent(said)}` });
      response.end(said);
    } else if (way === "way-html") response.writeHead(500, { "content-type": "text/html" }).end(`<p>${message}</p>`);
    else if (way === "way-teapot") response.writeHead(418, headers).end(message);
    else if (way === "way-forbidden") response.writeHead(403, headers).end(JSON.stringify({ error: { message } }));
    else if (way === "way-garbage") response.writeHead(200, headers).end(`{"choices": ${said}`);
    else if (way === "way-escaped") {
      response.writeHead(400, headers);
      response.end(
        `{"error":{"message":"${[...said].map(escaped).join("")}","code":"${[...said].map(escaped).join("")}"}}`,
      );
    } else
      response
        .writeHead(way === "way-busy" ? 429 : 400, headers)
        .end(JSON.stringify({ error: { message, type: message, code: message, param: message }, message }));
  });
}

const escaped = (letter: string) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** How servers write what they have read. */
function spellings(secret: string): string[] {
  return [
    secret,
    Buffer.from(secret).toString("base64"),
    Buffer.from(secret).toString("base64url"),
    Buffer.from(`Bearer ${secret}`).toString("base64"),
    Buffer.from(`user:${secret}`).toString("base64"),
    Buffer.from(secret).toString("hex"),
    encodeURIComponent(secret),
    [...secret].map((letter) => `%${letter.charCodeAt(0).toString(16)}`).join(""),
    JSON.stringify(secret).replaceAll("/", "\\/").slice(1, -1),
    [...secret].map(escaped).join(""),
    secret.split("").join("").toUpperCase(),
  ];
}

/** What of these texts must nowhere be. */
function found(text: string): string[] {
  const shown: string[] = [];
  for (const [name, secret] of Object.entries({ ...canaries, hookPath, key: caller }))
    for (const spelling of new Set(spellings(secret))) {
      const core = spelling.replace(/=+$/, "").slice(0, -2); // what follows a secret changes the end of its base64
      if (text.includes(core)) shown.push(`${name} as ${spelling}`);
    }
  return shown;
}

const ways = ["plain", "redirect", "html", "teapot", "forbidden", "garbage", "escaped", "busy"];

test("A41 no credential comes back to a caller, in whatever spelling a server says it", async () => {
  const texts: string[] = [];
  for (const provider of ["up", "an", "ge", "hd", "px", "aws"]) {
    for (const way of ways) {
      for (const stream of way === "plain" || way === "garbage" ? [false, true] : [false]) {
        const model = `way-${way}`;
        const messages = [{ role: "user", content: "hi" }];
        const calls: readonly (readonly [path: string, body: object])[] = [
          ["/v1/chat/completions", { model: `${provider}/${model}`, max_tokens: 5, stream, messages }],
          ["/v1/messages", { model: `${provider}/${model}`, max_tokens: 5, stream, messages }],
          [`/passthrough/${provider}/v1/things/${model}`, { model, stream }],
          [`/passthrough/${provider}/v1/vector_stores?x=${model}`, { model, stream }],
        ];
        for (const [path, body] of calls) {
          // What a server says with 200 is passed on as it came: that is what raw is.
          if (way === "garbage" && path.startsWith("/passthrough")) continue;
          const opened = await send(daemon.url, {
            method: "POST",
            path,
            headers: {
              "content-type": "application/json",
              ...{
                authorization: `Bearer ${caller}`,
                "x-api-key": caller,
                "api-key": caller,
                "x-goog-api-key": caller,
              },
              ...{ cookie: `a=${caller}`, "proxy-authorization": `Basic ${caller}` },
              ...{ "x-bf-send-back-raw-request": "true", "x-bf-send-back-raw-response": "true" },
            },
            body: JSON.stringify(body),
          });
          const answer = await opened.answer();
          const all = `${JSON.stringify(answer.headers)} ${answer.text}`;
          assert.deepEqual(found(all), [], `${path} ${model} ${stream}: ${all.slice(0, 600)}`);
          assert.equal(answer.headers["set-cookie"], undefined);
          assert.equal(answer.headers["location"], undefined);
          texts.push(all);
        }
      }
    }
  }
  assert.ok(texts.length > 0);
  assert.equal(strangerCalls, 0, "a redirect was followed");
  for (const name of ["UP_KEY", "SECOND_KEY", "HEADER", "AWS_SESSION"] as const)
    assert.ok(
      heard.some(({ headers }) => headers.includes(canaries[name])),
      `${name} was used`,
    );
  for (const { to, headers } of heard) assert.ok(!headers.includes(caller), `our key went to ${to}`);
});

test("A41 no credential is in what commands and the admin API tell", async () => {
  await daemon.admin("POST", "/api/alerts/channels/hook/test");
  await until("what is pushed", () => heard.some(({ to }) => to.startsWith("/metrics")));
  await until("what is traced", () => heard.some(({ to }) => to.startsWith("/v1/traces")));
  const told: [string, string][] = [];
  const openapi = await daemon.admin<{ paths: Record<string, Record<string, unknown>> }>("GET", "/api/openapi.json");
  for (const [path, methods] of Object.entries(openapi.paths)) {
    if (methods["get"] === undefined || path.includes("{") || path.endsWith("/feed")) continue;
    const answer = await daemon.admin<unknown>("GET", path).catch((error: unknown) => String(error));
    told.push([path, JSON.stringify(answer)]);
  }
  const rows = await daemon.logs();
  assert.ok(rows.length >= 20, String(rows.length));
  for (const { id } of rows.slice(0, 40))
    told.push([`explain ${id}`, JSON.stringify(await daemon.admin("GET", `/api/logs/${id}/explain`))]);
  for (const command of [
    ["doctor", "--json"],
    ["doctor"],
    ["providers", "--json"],
    ["egress", "--json"],
    ["config", "validate"],
    ["config", "history", "--json"],
    ["alerts", "--json"],
    ["status", "--json"],
    ["route", "test", "--model", "px/way-plain"],
    ["audit", "export"],
  ]) {
    const { stdout, stderr } = await daemon.cli(...command);
    told.push([command.join(" "), stdout + stderr]);
  }
  for (const [what, text] of told) assert.deepEqual(found(text), [], what);
});

test("A41 no credential is in a log or a file, whatever was tried", async () => {
  await daemon.kill("SIGKILL");
  await daemon.restart();
  await daemon.kill("SIGTERM");
  const files = readdirSync(home, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const entry of files) {
    const path = join(entry.parentPath, entry.name);
    assert.deepEqual(found(readFileSync(path).toString("latin1")), [], path);
  }
  assert.ok(files.some(({ name }) => name === "traffic.db"));
  for (const [name, text] of [
    ["stdout", daemon.stdout()],
    ["stderr", daemon.stderr()],
  ] as const)
    assert.deepEqual(found(text), [], name);
  assert.match(daemon.stderr(), /canary|provider|alert/, "something was logged");
});
