/** The way out of a company's network: a forward proxy, a private certificate authority, names from the hosts file. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { WebSocket, WebSocketServer } from "ws";
import { certificate } from "../daemon/config/certificate.ts";
import { ask, type ClientDialect } from "../support/client.ts";
import { type Daemon, hold, startDaemon } from "../support/daemon.ts";
import { outcome } from "../support/outcome.ts";
import { until } from "../support/until.ts";

type Seen = { readonly method: string; readonly url: string; readonly authorization?: string };

const folder = mkdtempSync(join(tmpdir(), "bf-tls-"));
const ca = join(folder, "ca.pem");
const wrongCa = join(folder, "wrong.pem");
let proxy: ChildProcess;
let told = "";
let secure: https.Server;
let plain: http.Server;
let daemon: Daemon;
let key: string;

before(async () => {
  makeCertificate();
  writeFileSync(wrongCa, certificate);
  secure = https.createServer({ key: readFileSync(join(folder, "key.pem")), cert: readFileSync(ca) }, answer);
  plain = http.createServer(answer);
  for (const server of [secure, plain]) {
    new WebSocketServer({ server }).on("connection", (socket, request) => socket.send(`{"type":"${request.url}"}`));
  }
  for (const server of [secure, plain]) await once(server.listen(0, "127.0.0.1"), "listening");
  proxy = spawn(process.execPath, [fileURLToPath(new URL("../support/proxy-process.ts", import.meta.url))], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  proxy.stdout?.setEncoding("utf8").on("data", (text: string) => (told += text));
  const proxyPort = await until("the proxy's port", () => /^(\d+)\n/.exec(told)?.[1]);
  hold(proxy, false);
  const tls = portOf(secure);
  const withKey = { api_key: "env.UPSTREAM_KEY" };
  daemon = await startDaemon({
    env: { UPSTREAM_KEY: "x", HTTPS_PROXY: `http://127.0.0.1:${proxyPort}` },
    config: {
      providers: {
        environment: { ...withKey, base_url: `https://upstream.test:${tls}/v1`, ca_file: ca },
        named: {
          ...withKey,
          base_url: `https://other.test:${tls}/v1`,
          ca_file: ca,
          proxy: `http://user:p%40ss@localhost:${proxyPort}`,
        },
        plain: {
          ...withKey,
          base_url: `http://plain.test:${portOf(plain)}/v1`,
          proxy: `http://127.0.0.1:${proxyPort}`,
        },
        denied: { ...withKey, base_url: `https://deny.test:${tls}/v1`, ca_file: ca },
        untrusted: { ...withKey, base_url: `https://upstream.test:${tls}/v1`, ca_file: wrongCa },
        direct: { ...withKey, base_url: `https://localhost:${tls}/v1`, ca_file: ca },
        "direct-untrusted": { ...withKey, base_url: `https://localhost:${tls}/v1`, ca_file: wrongCa },
        "direct-usual": { ...withKey, base_url: `https://localhost:${tls}/v1` },
        nowhere: { ...withKey, base_url: "http://no-such-name.invalid:81/v1" },
      },
    },
  });
  key = await daemon.createKey();
});

after(async () => {
  await daemon?.stop();
  proxy?.stdin?.end();
  for (const server of [secure, plain]) {
    server?.closeAllConnections();
    server?.close();
  }
  rmSync(folder, { recursive: true });
});

/** Its own authority, for the names that the tests use. */
function makeCertificate(): void {
  const names = ["localhost", "upstream.test", "other.test", "deny.test"].map((name) => `DNS:${name}`).join(",");
  const made = ["-keyout", join(folder, "key.pem"), "-out", ca, "-days", "2", "-subj", "/CN=test authority"];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  execFileSync("openssl", ["req", "-x509", ...curve, ...made, "-addext", `subjectAltName=${names}`], {
    stdio: "ignore",
  });
}

function answer(request: http.IncomingMessage, response: http.ServerResponse): void {
  let body = "";
  request.setEncoding("utf8").on("data", (text: string) => (body += text));
  request.on("end", () => {
    const { stream } = JSON.parse(body) as { stream?: boolean };
    const usage = { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4 };
    if (stream !== true) {
      const choices = [{ index: 0, message: { role: "assistant", content: "out" }, finish_reason: "stop" }];
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ id: "c1", object: "chat.completion", created: 1, model: "m", choices, usage }));
      return;
    }
    response.setHeader("content-type", "text/event-stream");
    const chunk = (delta: object, finish: string | null) =>
      `data: ${JSON.stringify({ id: "c1", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
    response.write(chunk({ role: "assistant", content: "out" }, null));
    response.end(`${chunk({}, "stop")}data: [DONE]\n\n`);
  });
}

function portOf(server: http.Server | https.Server): number {
  return (server.address() as AddressInfo).port;
}

function seen(): Seen[] {
  return told
    .split("\n")
    .slice(1, -1)
    .map((line) => JSON.parse(line) as Seen);
}

const working: readonly [provider: string, seen: () => Seen | undefined][] = [
  ["environment", () => ({ method: "CONNECT", url: `upstream.test:${portOf(secure)}` })],
  [
    "named",
    () => ({
      method: "CONNECT",
      url: `other.test:${portOf(secure)}`,
      authorization: `Basic ${Buffer.from("user:p@ss").toString("base64")}`,
    }),
  ],
  ["plain", () => ({ method: "POST", url: `http://plain.test:${portOf(plain)}/v1/chat/completions` })],
  ["direct", () => undefined],
];

for (const [provider, expected] of working) {
  for (const stream of [false, true]) {
    for (const dialect of ["chat", "messages"] satisfies ClientDialect[]) {
      test(`Origins.get() reaches ${provider}, ${dialect}, ${stream ? "streamed" : "whole"}`, async () => {
        const before = seen().length;
        const result = outcome(dialect, await ask(daemon.url, { dialect, model: `${provider}/m`, key, stream }));
        assert.deepEqual([result.error, result.text], [undefined, "out"]);
        const wanted = expected();
        if (wanted === undefined) assert.equal(seen().length, before, "the proxy was not asked");
        else
          await until("the proxy's word", () => seen().some((line) => JSON.stringify(line) === JSON.stringify(wanted)));
      });
    }
  }
}

const sessions: readonly [provider: string, connects: string | undefined][] = [
  ["environment", "upstream.test"],
  ["named", "other.test"],
  ["plain", "plain.test"],
  ["direct", undefined],
];

for (const [provider, connects] of sessions) {
  test(`a realtime session with ${provider} takes the same way`, async () => {
    const before = seen().length;
    const client = new WebSocket(`${daemon.url.replace("http", "ws")}/v1/realtime?model=${provider}/voice`, {
      headers: { authorization: `Bearer ${key}` },
    });
    const [data] = (await once(client, "message")) as [Buffer];
    assert.equal(data.toString(), '{"type":"/v1/realtime?model=voice"}');
    client.close();
    if (connects === undefined) assert.equal(seen().length, before, "the proxy was not asked");
    else
      await until("the proxy's word", () =>
        seen()
          .slice(before)
          .some(({ url }) => url.startsWith(`${connects}:`)),
      );
  });
}

const failing: readonly [provider: string, reason: RegExp][] = [
  ["untrusted", /CERT|SIGNED/],
  ["direct-untrusted", /CERT|SIGNED/],
  ["direct-usual", /CERT|SIGNED/],
  ["denied", /UND_ERR_ABORTED/],
  ["nowhere", /ENOTFOUND|EAI_AGAIN/],
];

for (const [provider, reason] of failing) {
  for (const stream of [false, true]) {
    test(`Origins.get() of ${provider} fails as upstream_unreachable and names no address, stream ${stream}`, async () => {
      const answered = await ask(daemon.url, { dialect: "chat", model: `${provider}/m`, key, stream });
      const { error } = outcome("chat", answered);
      assert.deepEqual([answered.status, error?.code], [502, "upstream_unreachable"]);
      assert.match(error?.message ?? "", reason);
      assert.doesNotMatch(answered.text, /127\.0\.0\.1|localhost|\.test|\.invalid|:\d{4,5}\b/);
    });
  }
}
