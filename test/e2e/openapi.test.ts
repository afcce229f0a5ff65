/** The description of the admin API, held against what a daemon answers: every route is called, and fits what it says of itself. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import type { AdminAddress } from "../../daemon/admin/contract/calling.ts";
import { adminRoutes } from "../../daemon/admin/routes.ts";
import { ask } from "../support/client.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";

type Got = { readonly status: number; readonly type: string; readonly text: string };
type Operation = { readonly responses: Record<string, { content: Record<string, { schema: object }> }> };
type Document = { readonly paths: Record<string, Record<string, Operation>> };

/** `firstEvents`: leaves after so many, where an answer has no end. */
function call(socketPath: string, method: string, path: string, body?: unknown, firstEvents?: number): Promise<Got> {
  return new Promise((resolve, reject) => {
    const sent = body === undefined ? undefined : JSON.stringify(body);
    const framing = { "content-type": "application/json", "content-length": Buffer.byteLength(sent ?? "") };
    const headers = { host: "bifrost", ...(sent === undefined ? {} : framing) };
    const asked = request({ socketPath, method, path, headers, agent: false }, (answer) => {
      let text = "";
      const done = () =>
        resolve({ status: answer.statusCode ?? 0, type: answer.headers["content-type"]?.split(";")[0] ?? "", text });
      answer.setEncoding("utf8").on("data", (part: string) => {
        text += part;
        if (firstEvents === undefined || text.split("\n\n").length <= firstEvents) return;
        done();
        asked.destroy();
      });
      answer.once("end", done).once("error", reject);
    });
    asked.once("error", reject);
    asked.end(sent);
  });
}

function createValidator(document: Document) {
  const ajv = new Ajv2020({ strict: false, validateFormats: false, logger: false });
  ajv.addSchema({ $id: "https://here/openapi.json", ...document });
  const compiled = new Map<string, ValidateFunction>();
  return (method: string, path: string, { status, type, text }: Got): void => {
    const at = `${method} ${path} → ${status} ${type}`;
    const responses = document.paths[path]?.[method.toLowerCase()]?.responses;
    const response = status === 200 ? "200" : "default";
    assert.ok(responses?.[response]?.content[type], `${at} is not described`);
    const pointer = ["paths", path, method.toLowerCase(), "responses", response, "content", type, "schema"]
      .map((part) => part.replaceAll("~", "~0").replaceAll("/", "~1"))
      .map(encodeURIComponent)
      .join("/");
    const validate = compiled.get(pointer) ?? ajv.compile({ $ref: `https://here/openapi.json#/${pointer}` });
    compiled.set(pointer, validate);
    for (const value of valuesOf(type, text))
      assert.ok(validate(value), `${at}: ${ajv.errorsText(validate.errors)} in ${JSON.stringify(value).slice(0, 500)}`);
  };
}

/** Of a stream, each line or event. */
function valuesOf(type: string, text: string): readonly unknown[] {
  if (type === "application/json") return [JSON.parse(text)];
  if (type === "application/x-ndjson")
    return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line)]));
  if (type === "text/event-stream")
    return [...text.matchAll(/^data: (.*)\n\n/gm)].map(([, event]) => JSON.parse(event!) as unknown);
  return [text];
}

/** A channel's other end. */
const sink = createServer((_, answer) => answer.end()).unref();

async function start(): Promise<Daemon> {
  await new Promise<void>((resolve) => sink.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(sink.address() as AddressInfo).port}/`;
  return startDaemon({
    config: {
      ledger: patientLedger,
      record: { content: "full" },
      routing: { rules: [{ name: "short", when: "model == 'short'", targets: [{ target: "echo/echo" }] }] },
      alerts: {
        channels: { hook: { type: "webhook", url, allow_private: true } },
        rules: [{ name: "any", on: "traffic", when: "requests > 0", channels: ["hook"] }],
      },
    },
  });
}

const budgets = [
  { limit_nano: 5e9, window: { kind: "forever" } },
  { limit_nano: 1e9, window: { kind: "calendar", unit: "quarter", count: 1, zone: "Asia/Tokyo", start_month: 4 } },
  { limit_nano: 1, window: { kind: "rolling", length_ms: 86_400_000 }, shadow: true },
];
const limits = [{ metric: "requests", limit: 1_000, window_ms: 60_000 }];
const numbers = { budgets, limits, concurrency_max: 9 };
const override = { extra_nano: 1, mode: "cycles", cycles: 2 };

test("A66 describe() describes what every route answers, and every refusal", { timeout: 120_000 }, async (t) => {
  const daemon = await start();
  t.after(() => sink.close().closeAllConnections());
  t.after(() => daemon.stop());
  const { socket } = JSON.parse(readFileSync(join(daemon.home, "admin.json"), "utf8")) as AdminAddress;
  const document = await daemon.admin<Document>("GET", "/api/openapi.json");
  const validate = createValidator(document);
  const driven = new Set<string>();
  const drive = async (method: string, template: string, values: Record<string, string> = {}, body?: unknown) => {
    const [path = "", query] = template.split("?");
    const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name] ?? "none"));
    const events = path === "/api/feed" ? 1 : undefined;
    const got = await call(socket, method, query === undefined ? filled : `${filled}?${query}`, body, events);
    assert.equal(got.status, 200, `${method} ${template}: ${got.text}`);
    validate(method, path, got);
    driven.add(`${method} ${path}`);
    return got;
  };

  await driveOwners(drive);
  const secret = await driveKeys(drive);
  await ask(daemon.url, { dialect: "chat", model: "echo-paid", key: secret, headers: { "x-bifrost-session": "s1" } });
  await ask(daemon.url, { dialect: "messages", model: "echo", key: secret, stream: true });
  await ask(daemon.url, { dialect: "chat", model: "nobody/nothing", key: secret });
  const id = await until("three rows", async () => {
    const { rows } = await daemon.admin<{ rows: { id: string }[] }>("GET", "/api/logs");
    return rows.length === 3 && rows[2]!.id;
  });
  await driveLog(drive, id);
  for (const route of adminRoutes) {
    if (route.method !== "GET" || route.path.includes("{") || driven.has(`GET ${route.path}`)) continue;
    await drive("GET", route.path);
  }
  await drive("GET", "/api/governance/virtual-keys?sort_by=name&order=desc&offset=1&limit=2");
  await drive("POST", "/api/tokens", {}, { name: "t", role: "viewer", team: "teams-1" });
  await drive("GET", "/api/tokens?limit=1");
  await drive("GET", "/api/tokens/{token}", { token: "t" });
  await drive("PATCH", "/api/tokens/{token}", { token: "t" }, { role: "operator", expires_in_ms: 1_000 });
  await drive("DELETE", "/api/tokens/{token}", { token: "t" });
  await drive("POST", "/api/alerts/channels/{channel}/test", { channel: "hook" });
  await drive("GET", "/api/alerts");
  await drive("POST", "/api/config/validate", {}, { text: "provders: 1\n" });
  daemon.writeConfig({ ledger: patientLedger });
  await drive("POST", "/api/reload");
  await drive("GET", "/api/config/diff?from=1");
  await drive("POST", "/api/config/rollback", {}, { generation: 1 });
  await drive("POST", "/api/import/keys", {}, { name: "adopted", secret_sha256: "a".repeat(64) });
  await drive("POST", "/api/import/keys/batch", {}, { keys: [{ name: "batch", secret_sha256: "b".repeat(64) }] });
  await drive("POST", "/api/ledger/reprice", {}, { since_ms: 0, until_ms: Date.now() + 1, dry_run: true });
  for (const path of ["/api/routing/rules", "/api/governance/routing-rules"]) {
    const named = { rule: `of ${path}` };
    await drive("POST", path, {}, { name: named.rule, targets: ["echo/echo", { target: "echo/b", weight: 2 }] });
    await drive("GET", `${path}/{rule}`, named);
    await drive("PATCH", `${path}/{rule}`, named, { priority: 3, fallbacks: "echo/c" });
    await drive("PUT", `${path}/{rule}`, named, { enabled: false });
    await drive("GET", `${path}?sort_by=name&order=desc&limit=2&offset=0&search=of`);
    await drive("DELETE", `${path}/{rule}`, named);
  }
  const priced = { override: "echo-paid/m" };
  const overrides = "/api/governance/pricing-overrides";
  await drive("POST", overrides, {}, { match: "echo-paid/m", price: { input: 1, tiers: [{ above: 9, input: 2 }] } });
  await drive("GET", `${overrides}/{override}`, priced);
  await drive("PATCH", `${overrides}/{override}`, priced, { price: { output: 2 }, description: "d" });
  await drive("PUT", `${overrides}/{override}`, priced, { price: { output: null } });
  await drive("GET", overrides);
  await drive("DELETE", `${overrides}/{override}`, priced);
  await drive("POST", "/api/route/test", {}, { model: "echo/echo", key: "k1" });

  for (const { method, path } of adminRoutes) {
    const refused = await call(socket, method, `${path.replaceAll(/\{\w+\}/g, "none")}?surprise=1`);
    assert.ok(refused.status >= 400, `${method} ${path} takes any query`);
    validate(method, path, refused);
  }
  const others = ["POST /api/stop", "POST /api/restart"]; // each ends the daemon, with the same answer
  const left = adminRoutes.map(({ method, path }) => `${method} ${path}`).filter((at) => !driven.has(at));
  assert.deepEqual(left.sort(), others.sort());
  const stopping = await call(socket, "POST", "/api/stop");
  validate("POST", "/api/stop", stopping);
  validate("POST", "/api/restart", stopping);
  await until("the daemon to end", () => daemon.stdout().includes("") && !isAlive(daemon.pid));
  await daemon.kill("SIGTERM");
});

type Drive = (method: string, template: string, values?: Record<string, string>, body?: unknown) => Promise<Got>;

async function driveOwners(drive: Drive): Promise<void> {
  for (const path of ["customers", "teams", "users", "end-users", "tags", "model-configs", "providers"]) {
    const at = `/api/governance/${path}`;
    const [own, parent] = [
      path === "model-configs" ? { model: "echo*" } : path === "providers" ? { provider: "echo" } : {},
      { teams: { customer: "customers-1" }, users: { team: "teams-1" } }[path] ?? {},
    ];
    const name = path === "tags" ? "tags=1" : `${path}-1`;
    const id = { id: name, slot: "0" };
    await drive(
      "POST",
      at,
      {},
      { name, description: "of a test", metadata: { a: "b" }, ...numbers, ...own, ...parent },
    );
    await drive("GET", `${at}?limit=1`);
    await drive("GET", `${at}/{id}`, id);
    await drive("PATCH", `${at}/{id}`, id, { metadata: { a: null, c: "d" } });
    await drive("PUT", `${at}/{id}`, id, { description: null });
    await driveMoney(drive, `${at}/{id}`, id);
    await drive("POST", at, {}, { name: `${name}-2`, ...numbers, ...own });
    await drive("DELETE", `${at}/{id}`, { id: `${name}-2` });
  }
}

async function driveKeys(drive: Drive): Promise<string> {
  const providers = [{ provider: "echo", weight: 0.5, credentials: ["*"], ...numbers }, { provider: "echo-paid" }];
  let secret = "";
  for (const [number, at] of ["/api/keys", "/api/governance/virtual-keys"].entries()) {
    const key = { key: `k${number + 1}`, slot: "0" };
    const body = { name: key.key, user: "users-1", expires_in_ms: 9e8, providers, blocked: ["x"], ...numbers };
    secret = (JSON.parse((await drive("POST", at, {}, body)).text) as { secret: string }).secret;
    await drive("GET", `${at}?all=true&limit=1`);
    await drive("GET", `${at}/{key}`, key);
    await drive("PATCH", `${at}/{key}`, key, { providers: null, content: "full" });
    await drive("PUT", `${at}/{key}`, key, { description: "x" });
    await driveMoney(drive, `${at}/{key}`, key);
    secret = (JSON.parse((await drive("POST", `${at}/{key}/rotate`, key, { grace_ms: 60_000 })).text) as never)[
      "secret"
    ];
    const both = JSON.parse(
      (await drive("POST", `${at}/rotate`, {}, { ids: [key.key, "nobody"], grace_ms: 60_000 })).text,
    );
    secret = both.rotated[0].secret;
    assert.equal(both.failed[0].code, "not_found");
    await drive("POST", at, {}, { name: `gone${number}` });
    await drive("DELETE", `${at}/{key}`, { key: `gone${number}` });
  }
  return secret;
}

async function driveMoney(drive: Drive, one: string, values: Record<string, string>): Promise<void> {
  await drive("PUT", `${one}/budgets/{slot}/override`, values, override);
  await drive("GET", one, values);
  await drive("DELETE", `${one}/budgets/{slot}/override`, values);
  await drive("POST", `${one}/budgets/{slot}/reset`, values);
  await drive("POST", `${one}/wallet`, values, { amount_nano: 7e9, note: "first" });
  await drive("GET", `${one}/wallet`, values);
}

async function driveLog(drive: Drive, id: string): Promise<void> {
  await drive("GET", "/api/logs?limit=2");
  await drive("GET", "/api/logs/{id}", { id });
  await drive("GET", "/api/logs/{id}/explain", { id });
  await drive("GET", "/api/logs/sessions/{session}", { session: "s1" });
  await drive("GET", "/api/logs/stats?compare=true");
  await drive("GET", "/api/logs/histogram?by=key&grain=minute");
  for (const format of ["jsonl", "csv"]) await drive("GET", `/api/logs/export?format=${format}`);
  await drive("DELETE", "/api/logs", {}, { ids: ["req_none"] });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
