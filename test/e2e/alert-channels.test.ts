/** Alerts on money, latency and provider keys, read by the packages that their receivers use. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { SMTPServer } from "smtp-server";
import { Webhook } from "standardwebhooks";
import type { AlertsAnswer, AlertTestAnswer } from "../../daemon/admin/contract/alerts.ts";
import { ask } from "../support/client.ts";
import { startDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";

const word = "canary-prompt-3f90";
const password = "canary-mail-password";
const upstreamKey = "canary-upstream-key";
const signing = `whsec_${Buffer.alloc(32, 5).toString("base64")}`;

type Mail = { readonly from: string; readonly to: readonly string[]; readonly user: string; readonly text: string };

/** A mail server that wants encryption and a password. */
async function mailServer(t: TestContext): Promise<{ port: number; ca: string; mails: Mail[] }> {
  const folder = mkdtempSync(join(tmpdir(), "bf-mail-"));
  const [key, ca] = [join(folder, "key.pem"), join(folder, "ca.pem")];
  const made = ["-keyout", key, "-out", ca, "-days", "2", "-subj", "/CN=localhost", "-nodes"];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
  execFileSync("openssl", ["req", "-x509", ...curve, ...made, "-addext", "subjectAltName=DNS:localhost"], {
    stdio: "ignore",
  });
  const mails: Mail[] = [];
  const server = new SMTPServer({
    ...{ key: readFileSync(key), cert: readFileSync(ca), logger: false, allowInsecureAuth: false },
    onAuth({ username, password: given }, session, done) {
      if (session.secure && given === password) done(null, { user: username });
      else done(new Error(`no such user, or not with ${given}`));
    },
    onData(stream, session, done) {
      let text = "";
      stream.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      stream.on("end", () => {
        const { mailFrom, rcptTo } = session.envelope;
        const from = mailFrom === false ? "" : mailFrom.address;
        mails.push({ from, to: rcptTo.map(({ address }) => address), user: String(session.user), text });
        done();
      });
    },
  });
  server.on("error", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(async () => {
    await new Promise<void>((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true, force: true });
  });
  return { port: (server.server.address() as AddressInfo).port, ca, mails };
}

type Call = { readonly path: string; readonly headers: IncomingHttpHeaders; readonly text: string };

/** Takes webhooks at /hook; elsewhere it is a provider that refuses our key. */
async function webServer(t: TestContext): Promise<{ url: string; calls: Call[] }> {
  const calls: Call[] = [];
  const server = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
    request.on("end", () => {
      if (request.url === "/hook") calls.push({ path: request.url, headers: request.headers, text });
      const refusal = JSON.stringify({ error: { message: `Incorrect API key provided: ${upstreamKey}` } });
      response.writeHead(request.url === "/hook" ? 204 : 401, { "content-type": "application/json" });
      response.end(request.url === "/hook" ? "" : refusal);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  t.after(() => server.close().closeAllConnections());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, calls };
}

test("A41 evaluate() judges budgets, latency and provider keys, mails them encrypted, and signs them as Standard Webhooks says", async (t) => {
  const { port, ca, mails } = await mailServer(t);
  const { url, calls } = await webServer(t);
  const rule = (name: string, on: string, when: string, more: object = {}) => ({
    ...{ name, on, when, channels: ["hook", "mail"], window: "1h", ...more },
  });
  const daemon = await startDaemon({
    env: { HOOK: signing, MAIL: password, UPSTREAM: upstreamKey, NODE_EXTRA_CA_CERTS: ca },
    config: {
      providers: {
        refusing: { base_url: `${url}/v1`, dialect: "openai-chat", api_key: "env.UPSTREAM", models: ["m"] },
      },
      alerts: {
        interval: "200ms",
        channels: {
          hook: { type: "webhook", url: `${url}/hook`, secret: "env.HOOK", allow_private: true },
          mail: {
            ...{ type: "email", host: "localhost", port, tls: "starttls", user: "bifrost", password: "env.MAIL" },
            ...{ from: "gateway@example.org", to: ["on-call@example.org", "chief@example.org"], allow_private: true },
          },
          stranger: {
            ...{ type: "email", host: "localhost", port, tls: "starttls", user: "bifrost", password: "env.HOOK" },
            ...{ from: "gateway@example.org", to: ["on-call@example.org"], allow_private: true },
          },
        },
        rules: [
          rule("money", "budget", "used > 0.0 && kind == 'key' && limit == 1.0"),
          rule("slow", "traffic", "requests >= 2 && latency_p99 > 0.0 && latency_p50 < 60000.0", { by: "provider" }),
          rule("key refused", "credential", "!up"),
          rule("daemon", "daemon", "memory_mb > 1.0 && store_up"),
        ],
      },
    },
  });
  t.after(() => daemon.stop());
  const key = await daemon.createKey({ name: "ci", budget: "1/1d" });
  for (let index = 0; index < 2; index++)
    await ask(daemon.url, { dialect: "chat", model: "echo-paid", key, prompt: word });
  const free = await daemon.createKey({ name: "free" });
  for (let index = 0; index < 2; index++)
    await ask(daemon.url, { dialect: "chat", model: "echo", key: free, prompt: word });
  await ask(daemon.url, { dialect: "chat", model: "refusing/m", key: free, prompt: word });
  const webhook = new Webhook(signing);
  type Payload = { type: string; data: { rule: string; subject: string; values: Record<string, unknown> } };
  const told = () =>
    calls.map(({ text, headers }) => webhook.verify(text, headers as Record<string, string>) as Payload);
  await until(
    "all four rules to be told",
    () => new Set(told().map(({ data }) => data.rule)).size === 4 && mails.length >= 4,
    20_000,
  );
  for (const { type } of told()) assert.equal(type, "alert.firing");
  const of = (rule: string) => told().find(({ data }) => data.rule === rule)!.data;
  assert.ok(Number(of("money").values["used"]) > 0 && of("money").values["limit"] === 1);
  assert.ok(Number(of("slow").values["latency_p99"]) > 0);
  assert.match(of("key refused").subject, /^refusing\//);
  assert.throws(() => webhook.verify(`${calls[0]!.text} `, calls[0]!.headers as Record<string, string>));
  for (const { from, to, user, text } of mails) {
    assert.deepEqual(
      [from, to, user],
      ["gateway@example.org", ["on-call@example.org", "chief@example.org"], "bifrost"],
    );
    assert.match(text, /^\[warning\] (money|slow|key refused|daemon): /m);
  }
  const stranger = await daemon.admin<AlertTestAnswer>("POST", "/api/alerts/channels/stranger/test");
  assert.equal(stranger.ok, false);
  assert.match(String(stranger.error), /535|Invalid login|no such user/);
  const { channels } = await daemon.admin<AlertsAnswer>("GET", "/api/alerts");
  const everything = [
    ...calls.map(({ text }) => text),
    ...mails.map(({ text }) => text),
    daemon.stderr(),
    stranger.error,
  ];
  everything.push(JSON.stringify(channels));
  for (const secret of [word, password, upstreamKey, signing, key.slice(6), free.slice(6)])
    assert.ok(!everything.join("\n").includes(secret), secret);
});
