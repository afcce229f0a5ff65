/** The audit trail: whether its chain holds, and what was chained last. Hides that a proof takes time and is not asked for at each look. */
import type { AuditListAnswer, AuditRecordView, AuditVerifyAnswer } from "../../../daemon/admin/contract/audit.ts";
import { renderTime } from "../../render.ts";
import { clock, count, money } from "../draw/format.ts";
import { blank, type Line, line, span } from "../draw/line.ts";
import { type Column, defineView } from "../view.ts";

type Data = {
  readonly records: readonly AuditRecordView[];
  readonly proof: AuditVerifyAnswer;
  readonly provedAt: number;
};

const rowsShown = 500;
/** A proof walks everything: a million records take seconds of the reader's time. */
const proofEveryMs = 60_000;
const tabChanges = 1;

const columns: readonly Column<AuditRecordView>[] = [
  {
    title: "RECORD",
    width: 8,
    align: "right",
    cell: ({ record }) => [span(String(record), "dim")],
    value: ({ record }) => record,
  },
  {
    title: "TIME",
    width: 11,
    cell: ({ at_ms: at }, _, now) => [span(clock(at, now), "dim")],
    value: ({ at_ms: at }) => at,
  },
  {
    title: "WHO",
    width: 12,
    grow: 1,
    cell: ({ actor, kind }) => [span(actor ?? "–", kind === "change" ? "strong" : "plain")],
    value: ({ actor }) => actor,
  },
  {
    title: "DID",
    width: 17,
    grow: 1,
    cell: ({ action, kind }) => [span(action, kind === "change" ? "accent" : "dim")],
    value: ({ action }) => action,
  },
  {
    title: "TO",
    width: 16,
    grow: 1,
    cell: ({ target }) => [span(target ?? "the daemon", "info")],
    value: ({ target }) => target,
  },
  {
    title: "OUTCOME",
    width: 8,
    grow: 1,
    cell: ({ outcome }) => [
      outcome === "" ? span("–", "dim") : span(outcome, /^(ok|2\d\d)$/.test(outcome) ? "good" : "bad"),
    ],
    value: ({ outcome }) => outcome,
  },
  {
    title: "COST",
    width: 9,
    align: "right",
    drop: 2,
    cell: ({ cost_nano: nano }) => [span(nano === null ? "" : money(nano), "money")],
    value: ({ cost_nano: nano }) => (nano === null ? null : nano / 1e9),
  },
  {
    title: "HASH",
    width: 12,
    drop: 3,
    cell: ({ hash }) => [span(hash.slice(0, 12), "dim")],
    value: ({ hash }) => hash,
  },
];

export const audit = defineView<Data, AuditRecordView>({
  name: "audit",
  aliases: ["a", "trail"],
  title: "Audit",
  summary: "the chain of records, proved, and its end",
  inBar: true,
  everyMs: 2_000,
  tabs: ["all", "changes"],
  async load(source, { tab }, before, now) {
    const isFresh = before !== undefined && now - before.provedAt < proofEveryMs;
    const [{ records }, proof] = await Promise.all([
      source.get<AuditListAnswer>("/api/audit/records", {
        limit: rowsShown,
        ...(tab === tabChanges ? { changes: true } : {}),
      }),
      isFresh ? before.proof : source.get<AuditVerifyAnswer>("/api/audit/verify"),
    ]);
    return { records, proof, provedAt: isFresh ? before.provedAt : now };
  },
  head: (data, { now }) => head(data, now),
  table: {
    columns,
    rows: ({ records }) => records,
    id: ({ record }) => String(record),
    follows: true,
    fields: { kind: ({ kind }) => kind },
    open: ({ kind, target }) =>
      kind === "settlement" && target !== null ? { view: "request", subject: target } : undefined,
    empty: () => [line("  ", span("No records yet: the first request or change makes one.", "dim"))],
  },
  copy: ({ proof }, record) => record?.hash ?? proof.head ?? "",
  actions: [],
});

function head({ proof, provedAt }: Data, now: number): readonly Line[] {
  const state: Line = proof.ok
    ? [
        span(" ● the chain holds", "good"),
        span(`  ${count(proof.records)} records`),
        span(`  proved ${clock(provedAt, now)}`, "dim"),
      ]
    : [
        span(" ✗ the chain is broken", "bad"),
        span(`  at record ${proof.problem?.record}: ${proof.problem?.message ?? ""}`, "bad"),
      ];
  const range: Line = [
    span(` from ${renderTime(proof.first_at_ms)} to ${renderTime(proof.last_at_ms)}`, "dim"),
    span(proof.head === null ? "" : `   head ${proof.head}`, "dim"),
  ];
  return [state, range, blank];
}
