/**
 * Admin services over a home of their own: keys and audit on a real state.db, the rest canned values. Hides set-up and
 * clean-up, so that a test of routes or commands reads as what it asks and gets.
 */
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AdminServices, AuditEntry } from "../../../daemon/admin/admin-services.ts";
import type { AuditRecordView } from "../../../daemon/admin/contract/audit.ts";
import type { AdminRequest, AdminResponse } from "../../../daemon/admin/contract/calling.ts";
import type { LogRow } from "../../../daemon/admin/contract/logs.ts";
import { type AdminHandler, createAdminHandler, localCaller } from "../../../daemon/admin/handler.ts";
import { type AdminServer, listenAdmin } from "../../../daemon/admin/server.ts";
import { auditCommand } from "../../../daemon/admin/services/audit-command.ts";
import type { Governance, MemoryChange } from "../../../daemon/admin/services/governance.ts";
import { createKeyService, type KeyStore, type StoredKey } from "../../../daemon/admin/services/keys.ts";
import { createOwnerRows } from "../../../daemon/admin/services/owner-rows.ts";
import { createOwnerService } from "../../../daemon/admin/services/owners.ts";
import { createKeyStore } from "../../../daemon/admin/services/store-access.ts";
import { createTemplateServices } from "../../../daemon/admin/services/templates.ts";
import { createTokenService } from "../../../daemon/admin/services/tokens.ts";
import { createTurns } from "../../../daemon/admin/services/turns.ts";
import { openStateWriter } from "../../../daemon/store/boot.ts";
import type { Command } from "../../../daemon/store/commands/command.ts";
import type { StateWriter } from "../../../daemon/store/state-writer.ts";
import { GatewayError } from "../../../providers/gateway-error.ts";
import { cannedOwnConfig } from "./canned-config.ts";
import { labTime, listRows } from "./lab-rows.ts";

export { labTime, logRow } from "./lab-rows.ts";

export type Lab = {
  readonly home: string;
  readonly services: AdminServices;
  readonly handle: AdminHandler;
  /** As the owner of the socket. */
  readonly ask: (request: AdminRequest) => Promise<AdminResponse>;
  readonly listen: () => Promise<AdminServer>;
  readonly writer: StateWriter;
  readonly store: KeyStore;
  /** What the shared tables were told, in order. */
  readonly told: StoredKey[];
  readonly applied: MemoryChange[];
  /** Faults reported. */
  readonly faults: unknown[];
  /** Rows of the request log, oldest first; a test may add. */
  readonly rows: LogRow[];
  /** Audit records of management actions. */
  readonly records: () => readonly { readonly actor: string; readonly action: string; readonly target: string }[];
  readonly stops: number[];
  clock: number;
  close(): Promise<void>;
};

export function openLab(override: Partial<AdminServices> = {}): Lab {
  const home = mkdtempSync(join(tmpdir(), "bf-"));
  const lab = {
    clock: labTime,
    told: [] as StoredKey[],
    applied: [] as MemoryChange[],
    faults: [] as unknown[],
    rows: [] as LogRow[],
    stops: [] as number[],
  };
  const now = () => lab.clock;
  const writer = openStateWriter(home, { now });
  let minted = 0;
  const access = {
    execute: async (command: Command, actor: string) => writer.execute(command, actor),
    query: () => Promise.reject(new Error("keys are looked up, not queried")),
    database: () => writer.database,
  };
  const store = createKeyStore(access);
  const governance: Governance = {
    rows: createOwnerRows(access.database),
    memory: {
      put: (stored) => void lab.told.push(stored),
      apply: (change) => void lab.applied.push(change),
      usage: ({ budgets }) => ({
        heldNano: 0,
        budgets: budgets.map(({ slot }) => ({ slot, spentNano: 1_250_000_000 })),
      }),
    },
    inTurn: createTurns(),
    now,
    publicId: (prefix) => `${prefix}${(++minted).toString().padStart(6, "0")}`,
    execute: access.execute,
  };
  const minting = {
    mint: () => {
      const secret = `sk-bf-${randomBytes(32).toString("base64url")}`;
      return { secret, hash: createHash("sha256").update(secret).digest(), prefix: secret.slice(0, 10) };
    },
    publicId: () => `key_${(++minted).toString().padStart(6, "0")}`,
  };
  const services: AdminServices = {
    ...cannedServices(home, lab),
    keys: createKeyService({ store, governance, ...minting }),
    within(reach) {
      const reached = { ...governance, reach, rows: createOwnerRows(access.database, reach) };
      return {
        keys: createKeyService({ store: createKeyStore(access, reach), governance: reached, ...minting }),
        owners: createOwnerService(reached),
        tokens: createTokenService(access, reached),
        logs: services.logs,
        feed: services.feed,
      };
    },
    owners: createOwnerService(governance),
    tokens: createTokenService(access, governance),
    ...createTemplateServices(access, governance.inTurn),
    audit: {
      record: async (entry: AuditEntry) => void writer.execute(auditCommand(entry), entry.actor),
      verify: async () => ({
        ok: true,
        records: 3,
        first_at_ms: labTime,
        last_at_ms: labTime,
        head: "ab12",
        problem: null,
      }),
      files: async () => ({ ok: true, files: [] }),
      list: async ({ limit = 50, changes }) => ({
        records: [labRecord(3, "settlement"), labRecord(2, "change"), labRecord(1, "change")]
          .filter(({ kind }) => !changes || kind === "change")
          .slice(0, limit),
        older: null,
      }),
      async *export() {
        for (let record = 1; record <= 3; record += 1) yield JSON.stringify({ seq: record });
      },
    },
    ...override,
  };
  const reporter = {
    faultId: () => `fault_${lab.faults.length}`,
    onFault: (error: unknown) => void lab.faults.push(error),
  };
  const handle = createAdminHandler({ services, now, ...reporter });
  const servers: AdminServer[] = [];
  return Object.assign(lab, {
    home,
    services,
    handle,
    writer,
    store,
    ask: (request: AdminRequest) => handle(request, localCaller()),
    records: () =>
      (writer.database.prepare("SELECT record FROM records ORDER BY seq").pluck().all() as string[]).map((text) =>
        JSON.parse(text),
      ),
    listen: async () => {
      const server = await listenAdmin({ home, version: "9.9.9", handle, environment: {}, ...reporter });
      servers.push(server);
      return server;
    },
    close: async () => {
      await Promise.all(servers.map((server) => server.close()));
      writer.close();
      rmSync(home, { recursive: true, force: true });
    },
  });
}

export function labRecord(record: number, kind: AuditRecordView["kind"]): AuditRecordView {
  const isChange = kind === "change";
  return {
    record,
    at_ms: labTime + record * 1_000,
    kind,
    actor: isChange ? "local:1000" : "ci",
    action: isChange ? "key.create" : "chat.completions",
    target: isChange ? "key_000001" : "req_1",
    outcome: isChange ? "ok" : "200",
    cost_nano: isChange ? null : 42_500,
    tokens: isChange ? null : 11,
    hash: String(record).repeat(64),
  };
}

/** What no test of the lab asks for. */
const noAnswer = (): Promise<never> => Promise.reject(new Error("the lab has no answer to this"));
const unasked = {
  ...{ show: noAnswer, session: noAnswer, stats: noAnswer, histogram: noAnswer, rankings: noAnswer, facets: noAnswer },
  ...{
    open: async () => ({ requests: [], total: 0, held_nano: 0 }),
    dashboard: noAnswer,
    dropped: noAnswer,
    remove: async () => ({ deleted: 1 }),
  },
  async *export(): AsyncGenerator<string> {},
};

function cannedServices(
  home: string,
  lab: { readonly rows: LogRow[]; readonly stops: number[] },
): Omit<AdminServices, "keys" | "owners" | "tokens" | "templates" | "groups" | "audit" | "within"> {
  const reload = { generation: 4, hash: "c0ffee", changed: true, warnings: [] };
  return {
    daemon: {
      status: async () => ({
        version: "9.9.9",
        pid: process.pid,
        state: "serving",
        url: "http://127.0.0.1:18080",
        home,
        started_at_ms: labTime,
        config: { path: "/etc/bifrost/config.yaml", generation: 3, hash: "c0ffee", loaded_at_ms: labTime, error: null },
        workers: [{ id: 1, requests_in_flight: 2, requests_total: 40 }],
        providers: ["openai", "echo"],
        keys: 1,
        memory_rss_bytes: 81_000_000,
        ledger: { commit_lag_ms: 0.4, holds_open: 2 },
        warnings: ["the price of openai/new is not known"],
      }),
      hosts: async () => ({
        hosts: [
          {
            name: "bedrock",
            base_url: "https://bedrock-runtime.{region}.amazonaws.com",
            dialects: ["bedrock-converse", "anthropic"],
            operations: ["chat", "count_tokens"],
            auth: ["bearer", "aws"],
            environment: ["AWS_BEARER_TOKEN_BEDROCK"],
            free: false,
            configured: ["eu"],
          },
        ],
      }),
      providers: async () => ({
        providers: [
          {
            name: "openai",
            host: "openai",
            dialect: "openai-chat",
            base_url: "https://api.openai.com/v1",
            credentials: ["main"],
            models: [],
            any_model: true,
            free: false,
            proxy: null,
          },
        ],
      }),
      reload: async () => reload,
      stop: async (request) => {
        lab.stops.push(request.drain_ms ?? -1);
        return { pid: 2 ** 30, requests_in_flight: 1, deadline_at_ms: labTime };
      },
      restart: async (request) => {
        lab.stops.push(request.drain_ms ?? -1);
        return { pid: 2 ** 30, requests_in_flight: 1, deadline_at_ms: labTime };
      },
    },
    feed: { listen: () => unasked.export() },
    metrics: { render: () => unasked.export() },
    alerts: { list: noAnswer, test: async () => ({ ok: true, status: 200, error: null, latency_ms: 1 }) },
    logs: {
      ...unasked,
      list: async (query) => listRows(lab.rows, query),
      explain: async (id) => {
        const request = lab.rows.find((row) => row.id === id);
        if (request === undefined) throw new GatewayError("not_found", `there is no request "${id}"`);
        const attempt = {
          credential: "main",
          latency_ms: 5,
          cost_nano: 0,
          held_nano: null,
          waited_ms: null,
          started_ms: null,
        };
        return {
          request,
          attempts: [
            {
              ...attempt,
              target: "anthropic/claude",
              outcome: "upstream_overloaded",
              reason: "529 before the first event",
              status: 529,
            },
            { ...attempt, target: "openai/gpt-4o", outcome: "answered", reason: "fallback 1", status: 200 },
          ],
        };
      },
    },
    ledger: {
      reprice: async ({ dry_run: dryRun = false }) => ({
        ...{ dry_run: dryRun, prices: "2026-09-23", looked_at: 3, skipped: 0, adjusted: 1, difference_nano: 5 },
        models: [{ model: "openai/gpt-4o", requests: 1, before_nano: 10, after_nano: 15, difference_nano: 5 }],
      }),
      check: async () => ({ ok: true, scopes: 2, settlements: 40, holds_open: 0, overrun_nano: 0, problems: [] }),
    },
    config: {
      validate: async ({ path = null }) => ({
        ok: path?.endsWith("bad.yaml") !== true,
        path,
        problems: path?.endsWith("bad.yaml")
          ? [{ line: 3, column: 5, field: "provders", message: 'unknown field; did you mean "providers"?' }]
          : [],
        warnings: [],
      }),
      schema: async () => ({ type: "object" }),
      diff: async () => ({ from: "generation 3", to: "config.yaml", same: false, diff: "-a: 1\n+a: 2\n" }),
      history: async () => ({
        versions: [{ generation: 3, hash: "c0ffee00c0ffee", at_ms: labTime, origin: "boot", active: true }],
      }),
      rollback: async ({ generation }) => {
        if (generation > 3) throw new GatewayError("not_found", `there is no generation ${generation}`);
        return { ...reload, generation: 5 };
      },
    },
    routing: {
      test: async ({ model }) => ({
        ...{ model, chosen: null, credential: null, error: null, rules: [], strategy: null, affinity: null },
        ...{ targets: [], left_out: [], on_context_window: [], on_content_policy: [], hedge: null },
      }),
    },
    ownConfig: cannedOwnConfig,
    egress: {
      list: async () => ({
        egress: "closed",
        addresses: [{ host: "api.openai.com", port: 443, used_by: "providers.openai", local: false }],
      }),
    },
    models: {
      list: async () => ({
        models: [
          {
            id: "openai/gpt-4o",
            provider: "openai",
            free: false,
            input_nano_per_million: 2_500_000_000,
            output_nano_per_million: 10_000_000_000,
            context_tokens: 128_000,
            output_max_tokens: 16_384,
            prices: { input: 2.5, output: 10, cache_read: 1.25 },
            capabilities: ["tools", "vision"],
            operations: ["chat"],
          },
          {
            id: "echo/echo",
            provider: "echo",
            free: true,
            input_nano_per_million: null,
            output_nano_per_million: null,
            context_tokens: null,
            ...{ output_max_tokens: null, prices: null, capabilities: null, operations: ["chat"] },
          },
          {
            id: "openai/new",
            provider: "openai",
            free: false,
            input_nano_per_million: null,
            output_nano_per_million: null,
            context_tokens: null,
            ...{ output_max_tokens: null, prices: null, capabilities: null, operations: ["chat"] },
          },
        ],
        aliases: { fast: "openai/gpt-4o" },
        catalog_date: "2026-09-23",
      }),
    },
  };
}
