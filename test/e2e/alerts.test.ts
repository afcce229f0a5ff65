/** Alerts of a real daemon, received by Slack's, Teams', PagerDuty's, a webhook's and a mail server's stand-ins. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { type TestContext, test } from "node:test";
import type { AlertsAnswer, AlertTestAnswer } from "../../daemon/admin/contract/alerts.ts";
import { ask } from "../support/client.ts";
import { startDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";

type Call = { readonly path: string; readonly headers: IncomingHttpHeaders; readonly text: string };

async function receiver(t: TestContext, status = () => 200): Promise<{ url: string; calls: Call[] }> {
  const calls: Call[] = [];
  const server = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
    request.on("end", () => {
      calls.push({ path: request.url!, headers: request.headers, text });
      response.writeHead(status(), { location: "http://127.0.0.1:1/elsewhere" }).end("{}");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  t.after(() => server.close().closeAllConnections());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, calls };
}

/** The few commands of SMTP that a client needs. */
async function mailServer(t: TestContext): Promise<{ port: number; mails: string[] }> {
  const mails: string[] = [];
  const server = createTcpServer((socket) => {
    let mail: string | undefined;
    let pending = "";
    socket.on("error", () => undefined);
    socket.write("220 test\r\n");
    socket.setEncoding("utf8").on("data", (part: string) => {
      const lines = (pending + part).split("\r\n");
      pending = lines.pop()!;
      for (const line of lines) {
        if (mail !== undefined && line !== ".") mail += `${line}\n`;
        else if (mail !== undefined) {
          mails.push(mail);
          mail = undefined;
          socket.write("250 taken\r\n");
        } else if (line === "DATA") {
          mail = "";
          socket.write("354 go on\r\n");
        } else if (line === "QUIT") socket.end("221 bye\r\n");
        else socket.write("250 ok\r\n");
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  t.after(() => server.close());
  return { port: (server.address() as AddressInfo).port, mails };
}

const word = "canary-prompt-aa17";
const signing = `whsec_${Buffer.alloc(24, 9).toString("base64")}`;

test("A41 evaluate() tells every kind of channel what holds, and that it no longer does, without a word of a prompt", async (t) => {
  const { url, calls } = await receiver(t);
  const { port, mails } = await mailServer(t);
  const inside = { allow_private: true };
  const daemon = await startDaemon({
    env: { SLACK: `${url}/slack/T0/canary-slack-secret`, HOOK: signing },
    config: {
      alerts: {
        interval: "200ms",
        channels: {
          chat: { type: "slack", url: "env.SLACK", ...inside },
          teams: { type: "teams", url: `${url}/teams`, ...inside },
          "on-call": { type: "pagerduty", routing_key: "env.HOOK", url: `${url}/pagerduty`, ...inside },
          own: { type: "webhook", url: `${url}/own`, secret: "env.HOOK", ...inside },
          mail: {
            type: "email",
            host: "127.0.0.1",
            port,
            tls: "none",
            from: "a@b.example",
            to: ["c@d.example"],
            ...inside,
          },
        },
        rules: [
          {
            ...{ name: "failing", on: "traffic", by: "key", window: "1h", when: "errors >= 3 && error_rate > 0.5" },
            ...{ severity: "critical", channels: ["chat", "teams", "on-call", "own", "mail"] },
          },
          { name: "spent", on: "budget", when: "used > 0.5", channels: ["own"], resolved: true },
        ],
      },
    },
  });
  t.after(() => daemon.stop());
  const key = await daemon.createKey({ name: "ci", budget: "1/1d" });
  for (let index = 0; index < 4; index++)
    await ask(daemon.url, { dialect: "chat", model: `none/${word}`, key, prompt: word });
  await until("all five channels", () => mails.length === 1 && new Set(calls.map(({ path }) => path)).size === 4);
  const body = (path: string) => JSON.parse(calls.find((call) => call.path.startsWith(path))!.text);
  assert.match(body("/slack").text, /^\[critical\] failing: ci \(errors 4, error_rate 1\)$/);
  assert.equal(body("/teams").attachments[0].content.type, "AdaptiveCard");
  const incident = body("/pagerduty");
  assert.deepEqual(
    [incident.event_action, incident.payload.severity, incident.routing_key],
    ["trigger", "critical", signing],
  );
  const hook = calls.find(({ path }) => path === "/own")!;
  const { "webhook-id": id, "webhook-timestamp": at, "webhook-signature": signature } = hook.headers;
  const expected = createHmac("sha256", Buffer.alloc(24, 9)).update(`${id}.${at}.${hook.text}`).digest("base64");
  assert.equal(signature, `v1,${expected}`);
  const { type, data } = JSON.parse(hook.text);
  assert.deepEqual([type, data.rule, data.name, data.values.errors], ["alert.firing", "failing", "ci", 4]);
  assert.match(mails[0]!, /^Subject: \[critical\] failing: ci/m);
  // It holds, and is told once: the cooldown is an hour.
  const rounds = async (count: number) => {
    const seen = new Set<number | null>();
    await until(`${count} rounds`, async () => {
      const { rules } = await daemon.admin<AlertsAnswer>("GET", "/api/alerts");
      seen.add(rules[0]!.evaluated_at_ms);
      return seen.size > count;
    });
  };
  const sent = calls.length;
  await rounds(3);
  assert.equal(calls.length, sent);
  for (let index = 0; index < 6; index++) await ask(daemon.url, { dialect: "chat", model: "echo", key });
  await until("all is well again", () => calls.some(({ text }) => text.includes('"event_action":"resolve"')));
  const { rules, channels } = await daemon.admin<AlertsAnswer>("GET", "/api/alerts");
  assert.deepEqual(
    rules.map(({ firing }) => firing.length),
    [0, 0],
  );
  assert.ok(channels.every(({ sent: count, failed }) => count >= 1 && failed === 0));
  const tried = await daemon.admin<AlertTestAnswer>("POST", "/api/alerts/channels/mail/test");
  assert.deepEqual([tried.ok, mails.length >= 2], [true, true]);
  const everything = [...calls.map(({ text }) => text), ...mails, daemon.stderr(), JSON.stringify(channels)].join("\n");
  for (const secret of [word, key.slice(6)]) assert.ok(!everything.includes(secret), secret);
  assert.ok(!`${daemon.stderr()}${JSON.stringify(channels)}`.includes("canary-slack-secret"));
});

test("A37 A57 send() reaches no address inside, follows no redirect, and a dead channel costs nobody anything", async (t) => {
  const { url, calls } = await receiver(t, () => 302);
  const { port } = new URL(url);
  const daemon = await startDaemon({
    config: {
      auth: { inference: "open" },
      alerts: {
        interval: "100ms",
        channels: {
          literal: { type: "webhook", url },
          decimal: { type: "webhook", url: `http://2130706433:${port}/` },
          mapped: { type: "webhook", url: `http://[::ffff:127.0.0.1]:${port}/` },
          named: { type: "webhook", url: `http://localhost:${port}/` },
          metadata: { type: "webhook", url: "http://169.254.169.254/latest" },
          mail: { type: "email", host: "localhost", port: Number(port), from: "a@b.example", to: ["c@d.example"] },
          moved: { type: "webhook", url: `${url}/moved`, allow_private: true },
          gone: { type: "webhook", url: "http://127.0.0.1:1/", allow_private: true },
        },
        rules: [{ name: "always", on: "daemon", when: "in_flight >= 0", channels: ["gone", "moved"], cooldown: "1ms" }],
      },
    },
  });
  t.after(() => daemon.stop());
  for (const name of ["literal", "decimal", "mapped", "named", "metadata", "mail"]) {
    const answer = await daemon.admin<AlertTestAnswer>("POST", `/api/alerts/channels/${name}/test`);
    assert.equal(answer.ok, false, name);
    assert.match(String(answer.error), /lies inside the network/, name);
  }
  assert.ok(
    calls.every(({ path }) => path === "/moved"),
    JSON.stringify(calls),
  );
  const moved = await daemon.admin<AlertTestAnswer>("POST", "/api/alerts/channels/moved/test");
  assert.deepEqual([moved.ok, moved.status], [false, 302]);
  await until("failures to be counted", async () => {
    const { channels } = await daemon.admin<AlertsAnswer>("GET", "/api/alerts");
    return channels.some(({ name, failed }) => name === "gone" && failed > 0);
  });
  assert.equal((await ask(daemon.url, { dialect: "chat", model: "echo" })).status, 200);
  await assert.rejects(daemon.admin("POST", "/api/alerts/channels/none/test"), /404/);
});
