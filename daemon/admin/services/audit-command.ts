/** A management action that is kept nowhere else, as the command that chains it into the audit trail. */
import type { Command } from "../../store/commands/command.ts";
import type { AuditEntry } from "../admin-services.ts";

export function auditCommand({ action, target, outcome, before, after }: AuditEntry): Command {
  return {
    kind: "audit",
    action,
    target: target ?? "daemon",
    before: before ?? undefined,
    // What failed changed nothing: the record says what was asked and how it ended.
    after: outcome === "ok" ? (after ?? undefined) : { failed: outcome, asked: after ?? undefined },
  };
}
