/** A daemon of values for the screen: a small shop with three teams, a provider that fails, a key near its limit. */

import { CliFailure, exitCodes } from "../../../cli/failure.ts";
import type { Source } from "../../../cli/tui/source.ts";
import type { AuditListAnswer, AuditVerifyAnswer } from "../../../daemon/admin/contract/audit.ts";
import type {
  ConfigDiffAnswer,
  ConfigHistoryAnswer,
  ConfigValidateAnswer,
} from "../../../daemon/admin/contract/config.ts";
import type { ProvidersAnswer, StatusAnswer } from "../../../daemon/admin/contract/daemon.ts";
import type { FeedMessage } from "../../../daemon/admin/contract/feed.ts";
import type { KeyListAnswer, KeyView } from "../../../daemon/admin/contract/keys.ts";
import type { LogAnswer, LogsAnswer, OpenRequestsAnswer } from "../../../daemon/admin/contract/logs.ts";
import type { ModelsAnswer } from "../../../daemon/admin/contract/models.ts";
import type { OwnerListAnswer, OwnerView } from "../../../daemon/admin/contract/owners.ts";
import type { ProviderHealth } from "../../../daemon/admin/contract/routing.ts";
import type { BudgetView } from "../../../daemon/admin/contract/scopes.ts";
import { cannedAlerts } from "./canned-alerts.ts";
import { cannedNow, explained, logRows, said } from "./canned-requests.ts";
import { cannedHistogram, cannedRankings } from "./canned-spend.ts";

export { cannedNow } from "./canned-requests.ts";

const dollar = 1_000_000_000;
const dayMs = 86_400_000;

export type CannedSource = Source & {
  /** What was sent, in order. */
  readonly sent: { readonly method: string; readonly path: string; readonly body: unknown }[];
  /** Answers by path, without the query; a function is given the query or the body. */
  readonly answers: Map<string, unknown>;
  /** Until it is put back nobody answers. */
  away: boolean;
  /** To those who listen to the feed. */
  tell(message: FeedMessage): void;
  readonly listeners: () => number;
};

export function cannedSource(): CannedSource {
  const sent: { method: string; path: string; body: unknown }[] = [];
  const answers = new Map<string, unknown>(Object.entries(canned()));
  const listeners = new Set<{ messages: FeedMessage[]; wake: () => void }>();
  const tell = (message: FeedMessage) => {
    for (const listener of listeners) {
      listener.messages.push(message);
      listener.wake();
    }
  };
  const source = { sent, answers, away: false, tell, listeners: () => listeners.size };
  async function answer<Answer>(path: string, given: unknown): Promise<Answer> {
    if (source.away) throw new CliFailure("no daemon is running", exitCodes.notRunning);
    const found = answers.get(path);
    if (found === undefined) throw new CliFailure(`there is no ${path}`, exitCodes.notFound);
    return (typeof found === "function" ? found(given) : found) as Answer;
  }
  return Object.assign(source, {
    get: <Answer>(path: string, query?: object) => answer<Answer>(path, query ?? {}),
    send: <Answer>(method: string, path: string, body?: unknown) => {
      sent.push({ method, path, body });
      return answer<Answer>(`${method} ${path}`, body);
    },
    lines: () => feed(listeners, () => source.away),
    get lost() {
      return source.away;
    },
  });
}

type Listener = { messages: FeedMessage[]; wake: () => void };

/** Unlike an async generator it ends at once when it is left. */
function feed(listeners: Set<Listener>, isAway: () => boolean): AsyncIterable<string> {
  const listener: Listener = { messages: [greeting], wake: () => undefined };
  if (!isAway()) listeners.add(listener);
  const next = async (): Promise<IteratorResult<string, undefined>> => {
    if (isAway()) throw new CliFailure("the daemon went away", exitCodes.notRunning);
    const message = listener.messages.shift();
    if (message !== undefined) return { done: false, value: `data: ${JSON.stringify(message)}` };
    if (!listeners.has(listener)) return { done: true, value: undefined };
    await new Promise<void>((resolve) => {
      listener.wake = resolve;
    });
    return next();
  };
  const iterator = {
    next,
    return: async () => {
      listeners.delete(listener);
      listener.wake();
      return { done: true as const, value: undefined };
    },
  };
  return { [Symbol.asyncIterator]: () => iterator };
}

const greeting: FeedMessage = { type: "hello", at_ms: 0, in_flight: 0, ended: 0, matched: 0, dropped: 0 };

function canned(): Record<string, unknown> {
  return {
    "/api/status": status,
    "/api/logs": ({ status }: { status?: string }): LogsAnswer => ({
      rows: logRows.filter((row) => status === undefined || String(row.status).startsWith(status.replaceAll("x", ""))),
      older: null,
      looked_until_ms: null,
      tail: "80",
    }),
    "/api/logs/open": { requests: [], total: 0, held_nano: 0 } satisfies OpenRequestsAnswer,
    "/api/logs/req_0000000000000003/explain": explained,
    "/api/logs/req_0000000000000003": { request: explained.request, content: said } satisfies LogAnswer,
    "/api/logs/rankings": cannedRankings,
    "/api/governance/customers": {
      owners: [],
      count: 0,
      total_count: 0,
      limit: 100,
      offset: 0,
      next: null,
    } satisfies OwnerListAnswer,
    "/api/governance/teams": {
      owners: cannedTeams,
      count: 2,
      total_count: 2,
      limit: 100,
      offset: 0,
      next: null,
    } satisfies OwnerListAnswer,
    "/api/logs/histogram": cannedHistogram,
    "/api/keys": {
      keys: cannedKeys,
      count: 4,
      total_count: 4,
      limit: 100,
      offset: 0,
      next: null,
    } satisfies KeyListAnswer,
    "/api/providers": providers,
    "/api/models": models,
    "/api/audit/records": ({ changes }: { changes?: boolean }): AuditListAnswer => ({
      records: trail.records.filter(({ kind }) => !changes || kind === "change"),
      older: null,
    }),
    "/api/audit/verify": proof,
    "/api/alerts": cannedAlerts,
    "/api/config/history": history,
    "/api/config/diff": diff,
    "POST /api/config/validate": valid,
  };
}

const status: StatusAnswer = {
  version: "0.1.0",
  pid: 4242,
  state: "serving",
  url: "http://127.0.0.1:8080",
  home: "/var/lib/bifrost",
  started_at_ms: cannedNow - 3 * dayMs,
  config: {
    path: "/etc/bifrost/config.yaml",
    generation: 7,
    hash: "9aecf438c3f9aa00",
    loaded_at_ms: cannedNow - 3_600_000,
    error: null,
  },
  workers: [{ id: 1, requests_in_flight: 3, requests_total: 120_431 }],
  providers: ["openai", "anthropic", "echo"],
  keys: 4,
  memory_rss_bytes: 104_857_600,
  ledger: { commit_lag_ms: 1, holds_open: 3 },
  warnings: [],
} as unknown as StatusAnswer;

function budget(limit: number, spent: number, held = 0): BudgetView {
  return {
    slot: 0,
    limit_nano: limit * dollar,
    window: { kind: "rolling", length_ms: dayMs },
    spent_nano: spent * dollar,
    held_nano: held * dollar,
    resets_at_ms: cannedNow + 33_000_000,
    shadow: false,
    would_have_refused: null,
    wallet: false,
    override: null,
  };
}

function key(index: number, name: string, fields: Partial<KeyView>): KeyView {
  return {
    id: `key_00000${index}`,
    name,
    prefix: "sk-bf-0yG…",
    state: "active",
    created_at_ms: cannedNow - 40 * dayMs,
    expires_at_ms: null,
    revoked_at_ms: null,
    models: ["*"],
    budgets: [],
    limits: [],
    concurrency_max: null,
    old_secret_expires_at_ms: null,
    ...fields,
  } as KeyView;
}

export const cannedKeys: readonly KeyView[] = [
  key(1, "web-shop", {
    budgets: [budget(50, 31.4, 0.8)],
    limits: [
      {
        slot: 1,
        metric: "requests",
        limit: 600,
        window_ms: 60_000,
        used: 0,
        shadow: false,
        would_have_refused: null,
      },
    ],
  }),
  key(2, "support-bot", { budgets: [budget(20, 19.1, 0.2)], models: ["anthropic/*"] }),
  key(3, "batch-night", { budgets: [budget(5, 5)], state: "disabled", concurrency_max: 2 }),
  key(4, "日本チーム", { expires_at_ms: cannedNow + 12 * dayMs }),
];

function health(name: string): ProviderHealth | undefined {
  if (name === "echo") return undefined;
  const isOpen = name === "local";
  const target = {
    target: `${name}/some-model`,
    breaker: isOpen ? ("open" as const) : ("closed" as const),
    waits_ms: isOpen ? 12_000 : null,
    in_flight: 2,
    requests: 240,
    failures: isOpen ? 31 : 4,
    recent_requests: 40,
    recent_failures: name === "openai" ? 3 : 0,
    p50_ms: 640,
    p99_ms: 9_100,
    streamed_p50_ms: 420,
    streamed_p99_ms: 1_900,
    whole_p50_ms: 3_100,
    whole_p99_ms: 11_000,
    refused_credentials: 0,
    last_failure: "upstream_overloaded",
    last_failure_ms_ago: 42_000,
  };
  const share = { openai: 0.62, anthropic: 0.33, local: 0.05 }[name] ?? 0;
  const waiting = name === "openai" ? 4 : 0;
  return {
    breaker: target.breaker,
    in_flight: 2,
    requests: 240,
    failures: target.failures,
    p50_ms: 640,
    p99_ms: 9_100,
    share,
    waiting,
    targets: [target],
  };
}

const providers = {
  providers: ["openai", "anthropic", "local", "echo"].map((name) => ({
    name,
    host: name,
    dialect: name === "anthropic" ? "anthropic" : "openai-chat",
    base_url: name === "local" ? "http://127.0.0.1:11434/v1" : `https://api.${name}.com`,
    credentials: name === "openai" ? ["main", "spare"] : ["main"],
    models: [],
    any_model: true,
    free: name === "echo",
    proxy: null,
    health: health(name),
  })),
} as unknown as ProvidersAnswer;

const models: ModelsAnswer = {
  models: [
    {
      id: "openai/gpt-4o",
      provider: "openai",
      free: false,
      input_nano_per_million: 2.5 * dollar,
      output_nano_per_million: 10 * dollar,
      context_tokens: 128_000,
    },
    {
      id: "anthropic/claude-sonnet-4-5",
      provider: "anthropic",
      free: false,
      input_nano_per_million: 3 * dollar,
      output_nano_per_million: 15 * dollar,
      context_tokens: 200_000,
    },
    {
      id: "local/llama",
      provider: "local",
      free: false,
      input_nano_per_million: null,
      output_nano_per_million: null,
      context_tokens: null,
    },
    {
      id: "echo/echo",
      provider: "echo",
      free: true,
      input_nano_per_million: 0,
      output_nano_per_million: 0,
      context_tokens: 200_000,
    },
  ],
  aliases: { fast: "openai/gpt-4o" },
} as unknown as ModelsAnswer;

const trail: AuditListAnswer = {
  records: Array.from({ length: 40 }, (_, index) => {
    const isChange = index % 9 === 2;
    return {
      record: 2_650 - index,
      at_ms: cannedNow - 1_000 - index * 2_300,
      kind: isChange ? ("change" as const) : ("settlement" as const),
      actor: isChange ? "local:1000" : (["web-shop", "support-bot"][index % 2] ?? null),
      action: isChange ? "key.update" : "chat.completions",
      target: isChange ? "key_000002" : `req_${String(3_000 - index).padStart(16, "0")}`,
      outcome: index % 7 === 5 ? "upstream_overloaded" : isChange ? "ok" : "200",
      cost_nano: isChange ? null : 412_300,
      tokens: isChange ? null : 1_500,
      hash: `${String(index).padStart(2, "0")}bab6ff11f32385710cb36979c5dcc6`,
    };
  }),
  older: null,
};

const proof: AuditVerifyAnswer = {
  ok: true,
  records: 2_650,
  first_at_ms: cannedNow - 3 * dayMs,
  last_at_ms: cannedNow - 1_000,
  head: "00bab6ff11f32385710cb36979c5dcc6",
  problem: null,
};

const history: ConfigHistoryAnswer = {
  versions: [7, 6, 5].map((generation) => ({
    generation,
    hash: `${generation}aecf438c3f9aa00`,
    at_ms: cannedNow - (8 - generation) * 3_600_000,
    origin: generation === 6 ? "rollback to 4" : "reload",
    active: generation === 7,
  })),
};

const diff: ConfigDiffAnswer = {
  from: "generation 7",
  to: "/etc/bifrost/config.yaml",
  same: false,
  diff: "--- generation 7\n+++ /etc/bifrost/config.yaml\n@@ -4,3 +4,3 @@\n providers:\n   openai:\n-    timeout: 60s\n+    timeout: 30s\n",
};

const valid: ConfigValidateAnswer = { ok: true, path: "/etc/bifrost/config.yaml", problems: [], warnings: [] };

const cannedTeams: readonly OwnerView[] = ["shop", "night"].map((name, index) => ({
  id: `team_${index + 1}`,
  kind: "team",
  name,
  source: index === 0 ? "file" : "database",
  description: null,
  metadata: {},
  parent: { kind: "customer", id: "cust_1", name: "acme" },
  models: index === 0 ? null : ["openai/*"],
  blocked: [],
  disabled: index === 1,
  match: null,
  budgets: index === 0 ? [budget(200, 121.5, 3)] : [],
  limits: [],
  concurrency_max: null,
  in_flight: index === 0 ? 3 : 0,
  created_at_ms: cannedNow - 9 * dayMs,
  etag: "1",
}));
