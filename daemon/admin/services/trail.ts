/** Audit trail and ledger, proved: the chain verified, the balances compared, the records exported. */
import type { AdminServices } from "../admin-services.ts";
import { auditCommand } from "./audit-command.ts";
import type { StoreAccess } from "./store-access.ts";

const exportPageRows = 1_000;

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

  return {
    async record(entry) {
      await access.execute(auditCommand(entry), entry.actor);
    },
    async verify() {
      const found = await access.query({ kind: "audit_verify" });
      return {
        ok: found.ok,
        records: found.records,
        first_at_ms: atOf("ASC"),
        last_at_ms: atOf("DESC"),
        head: found.ok ? found.head.hash : null,
        problem: found.ok ? null : { record: found.seq, message: found.reason },
      };
    },
    export: (query) => exportLines(query.since_ms ?? 0, query.until_ms ?? Number.POSITIVE_INFINITY),
  };
}

export function createLedgerService(access: StoreAccess): AdminServices["ledger"] {
  return {
    async check() {
      const found = await access.query({ kind: "ledger_check" });
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
}
