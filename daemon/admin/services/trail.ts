/** Audit trail and ledger, proved: the chain verified, the balances compared, the records exported. */
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { RecordRow } from "../../audit/records.ts";
import type { Correction } from "../../store/commands/correct.ts";
import { settlementFlag } from "../../store/rows.ts";
import type { AdminServices } from "../admin-services.ts";
import type { AuditRecordView } from "../contract/audit.ts";
import { auditCommand } from "./audit-command.ts";
import type { RepriceOptions } from "./reprice.ts";
import type { StoreAccess } from "./store-access.ts";
import { finishSums } from "./unsummed.ts";

const exportPageRows = 1_000;
const listDefault = 50;

export function createAuditService(access: StoreAccess): AdminServices["audit"] {
  const atOf = (order: "ASC" | "DESC"): number | null =>
    (access.database().prepare(`SELECT at FROM records ORDER BY seq ${order} LIMIT 1`).pluck().get() as
      | number
      | undefined) ?? null;

  async function* exportLines(sinceMs: number, untilMs: number): AsyncIterable<string> {
    let after: number | undefined = 0;
    while (after !== undefined) {
      const page: { readonly lines: readonly string[]; readonly after?: number } = await access.query({
        kind: "audit_export",
        after,
        limit: exportPageRows,
      });
      for (const line of page.lines) {
        const { at } = JSON.parse(line) as { at: number };
        if (at >= sinceMs && at <= untilMs) yield line;
      }
      after = page.after;
    }
  }

  const nameOf = (keyId: number): string | null =>
    (access.database().prepare("SELECT name FROM keys WHERE id = ?").pluck().get(keyId) as string | undefined) ?? null;

  return {
    async record(entry) {
      await access.execute(auditCommand(entry), entry.actor);
    },
    async verify(tell) {
      const found = await access.query({ kind: "audit_verify" }, tell);
      return {
        ok: found.ok,
        records: found.records,
        first_at_ms: atOf("ASC"),
        last_at_ms: atOf("DESC"),
        head: found.ok ? found.head.hash : null,
        problem: found.ok ? null : { record: found.seq, message: found.reason },
      };
    },
    async files(tell) {
      const files = await access.query({ kind: "file_check" }, tell);
      return { ok: files.every(({ faults }) => faults.length === 0), files };
    },
    async list(query) {
      const page = await access.query({
        kind: "audit_page",
        limit: query.limit ?? listDefault,
        before: query.before === undefined ? undefined : place(query.before),
        changes: query.changes === true,
      });
      return {
        records: page.rows.map((row) => viewRecord(row, nameOf)),
        older: page.before === undefined ? null : String(page.before),
      };
    },
    export: (query) => exportLines(query.since_ms ?? 0, query.until_ms ?? Number.POSITIVE_INFINITY),
  };
}

function viewRecord(row: RecordRow, nameOf: (keyId: number) => string | null): AuditRecordView {
  const isChange = (row.flags & settlementFlag.admin) !== 0;
  const said = (row.record === "" ? attemptOf(row) : JSON.parse(row.record)) as Readonly<Record<string, unknown>>;
  const text = (name: string): string | null => (typeof said[name] === "string" ? said[name] : null);
  return {
    record: row.seq,
    at_ms: row.at,
    kind: isChange ? "change" : "settlement",
    actor: isChange ? text("actor") : row.keyId === 0 ? null : nameOf(row.keyId),
    action: (isChange ? text("action") : text("route")) ?? "",
    target: isChange ? text("target") : text("request"),
    outcome: isChange ? (text("outcome") ?? "ok") : (text("error") ?? String(said["status"] ?? "")),
    cost_nano: isChange || (row.flags & settlementFlag.unpriced) !== 0 ? null : row.costNano,
    tokens: isChange ? null : row.tokens,
    hash: row.hash,
  };
}

/** What an attempt says of itself: the request's own record, with the route and how it ended, follows it. */
function attemptOf({ holdId }: RecordRow): Readonly<Record<string, unknown>> {
  return { route: "attempt", request: holdId.replace(/:\d+$/, "") };
}

function place(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new GatewayError("invalid_request", `"${text}" is no place in the trail`, { param: "before" });
}

/** Tells why, where it could not be done. */
export type Correct = (entry: Correction) => Promise<{ readonly failed?: string }>;

export function createLedgerService(repricing: RepriceOptions): {
  readonly ledger: AdminServices["ledger"];
  readonly correct: Correct;
} {
  const { access } = repricing;
  // What fails now is tried again, and told, when somebody prices anew.
  let before: Promise<unknown> =
    repricing.resumes === true
      ? finishSums(access, repricing.sums, "system").catch(() => undefined)
      : Promise.resolve();
  const ledger: AdminServices["ledger"] = {
    // One after the other: two at once would both find what neither has adjusted yet.
    reprice(request, action, tell) {
      // The catalog is megabytes that a daemon which is not asked for it need not hold.
      const run = before.then(async () => (await import("./reprice.ts")).reprice(repricing, request, action, tell));
      before = run.catch(() => undefined);
      return run;
    },
    async check(tell) {
      const found = await access.query({ kind: "ledger_check" }, tell);
      const name = (id: number): string =>
        (access.database().prepare("SELECT kind || ' \"' || name || '\"' FROM scopes WHERE id = ?").pluck().get(id) as
          | string
          | undefined) ?? `scope ${id}`;
      const problems = found.differences.map((difference) => ({
        scope: name(difference.scopeId),
        budget: difference.slot,
        window_start_ms: difference.windowStartMs,
        balance_nano: difference.balanceNano,
        rows_nano: difference.recordsNano,
        message: "the balance is not the sum of the settled records",
      }));
      return {
        ok: problems.length === 0,
        scopes: access
          .database()
          .prepare("SELECT count(*) FROM scopes WHERE deleted_at IS NULL")
          .pluck()
          .get() as number,
        settlements: found.records,
        holds_open: found.openHolds,
        overrun_nano: found.overrunNano,
        problems,
      };
    },
  };
  async function corrected(entry: Correction): Promise<void> {
    const { adjusted } = await access.execute({ kind: "correct", entry }, "system");
    if (adjusted === undefined) return;
    repricing.apply([adjusted]);
    await finishSums(access, repricing.sums, "system");
  }
  return {
    ledger,
    correct(entry) {
      const run = before.then(() => corrected(entry));
      before = run.catch(() => undefined);
      return run.then(
        () => ({}),
        (error: unknown) => ({ failed: String(error) }),
      );
    },
  };
}
