/** `bifrost explain <request-id>` */
import type { Command } from "commander";
import type { AttemptView, ExplainAnswer, LogAnswer, LogContent } from "../../daemon/admin/contract/logs.ts";
import type { DecisionView } from "../../daemon/admin/contract/routing.ts";
import type { Context } from "../command.ts";
import {
  type Column,
  renderCount,
  renderDuration,
  renderJson,
  renderMoney,
  renderProperties,
  renderTable,
  renderTime,
} from "../render.ts";
import { withClient } from "../session.ts";

const attemptColumns: readonly Column<AttemptView>[] = [
  { title: "TARGET", cell: (attempt) => attempt.target, shrinkTo: 12 },
  { title: "CREDENTIAL", cell: (attempt) => credential(attempt.credential, "–"), shrinkTo: 8 },
  { title: "OUTCOME", cell: (attempt) => attempt.outcome },
  { title: "STATUS", cell: (attempt) => renderCount(attempt.status), align: "right" },
  { title: "WAITED", cell: (attempt) => duration(attempt.waited_ms), align: "right", mayDrop: true },
  { title: "TIME TAKEN", cell: (attempt) => duration(attempt.latency_ms), align: "right" },
  { title: "HELD", cell: (attempt) => renderMoney(attempt.held_nano), align: "right", mayDrop: true },
  { title: "COST", cell: (attempt) => renderMoney(attempt.cost_nano), align: "right" },
  { title: "REASON", cell: (attempt) => attempt.reason ?? "", shrinkTo: 20 },
];

export function build(command: Command, context: Context): void {
  command
    .argument("<request-id>", "as in x-request-id and in `bifrost logs`")
    .option("--content", "Headers and bodies too, as far as they are kept")
    .option("--json", "Print JSON")
    .action(async (id: string, options: { json?: boolean; content?: boolean }) => {
      const path = `/api/logs/${encodeURIComponent(id)}`;
      const { answer, content } = await withClient(command, context, async (client) => ({
        answer: await client.call<ExplainAnswer>("GET", `${path}/explain`),
        content: options.content ? (await client.call<LogAnswer>("GET", path)).content : undefined,
      }));
      const { terminal } = context;
      if (options.json) return terminal.out(renderJson(content === undefined ? answer : { ...answer, content }));
      terminal.out(`${renderRequest(answer)}\n`);
      if (answer.decision) terminal.out(`${renderDecision(answer.decision, terminal)}\n`);
      if (answer.attempts.length > 0) terminal.out(renderTable(answer.attempts, attemptColumns, terminal));
      else terminal.out("No provider was tried.\n");
      if (content !== undefined) return printContent(content, terminal);
      if (answer.request.error !== null) terminal.err(`What ${answer.request.error} means: docs/errors.md\n`);
    });
}

function printContent(content: LogContent | null, { out, err }: Context["terminal"]): void {
  if (content === null || content.level === "off") {
    err("Nothing of what was said is kept: record.content in the config, or `bifrost keys update --content`.\n");
    return;
  }
  const part = (title: string, text: string | null): void => {
    if (text !== null) out(`\n${title}\n${text}\n`);
  };
  const headers = (title: string, found: Readonly<Record<string, string>> | undefined): void => {
    part(title, found === undefined ? null : renderProperties(Object.entries(found)).trimEnd());
  };
  headers("REQUEST HEADERS", content.headers?.request);
  headers("ANSWER HEADERS", content.headers?.response);
  part("METADATA", content.metadata === null ? null : JSON.stringify(content.metadata));
  part("REQUEST", content.request);
  part("ANSWER", content.response);
  if (content.problem !== null) err(`${content.problem}\n`);
  if (content.truncated) err("Cut at record.content_max.\n");
}

const consideredColumns: readonly Column<DecisionView["considered"][number]>[] = [
  { title: "CONSIDERED", cell: ({ target }) => target, shrinkTo: 12 },
  { title: "OUTCOME", cell: ({ outcome }) => outcome ?? "left out", shrinkTo: 20 },
  { title: "NOTE", cell: ({ note }) => note ?? "", shrinkTo: 20, mayDrop: true },
];

function renderDecision(decision: DecisionView, terminal: Context["terminal"]): string {
  const how = renderProperties([
    ["rules", decision.rules.join(" → ") || "none held"],
    ["strategy", decision.strategy ?? "–"],
    ["kept by", decision.affinity === null ? "–" : decision.affinity.replace("_", " ")],
  ]);
  return `${how}\n${renderTable(decision.considered, consideredColumns, terminal)}`;
}

/** Nothing for what is neither a batch nor a film that failed. */
function correction({ correction: told }: ExplainAnswer): [string, string][] {
  if (!told) return [];
  const change = `${renderMoney(told.from_nano)} → ${renderMoney(told.to_nano)}`;
  if (told.of === "film") return [["corrected", `${change}, when the film had failed`]];
  if (told.of === "response") return [["corrected", `${change}, when the response had ended`]];
  const served = `${told.served} of ${told.results} results were served`;
  const used = `${told.tokens_in} tokens in, ${told.tokens_out} out`;
  return [["corrected", `${change}, when the batch had ended: ${served}, ${used}`]];
}

function renderRequest(answer: ExplainAnswer): string {
  const { request: row } = answer;
  return renderProperties([
    ["request", row.id],
    ["at", renderTime(row.at)],
    ["key", row.key === null ? "none" : `${row.key_name ?? "?"} (${row.key})`],
    ["asked", `${row.route ?? "–"}, model ${row.model ?? "–"}${row.stream ? ", streamed" : ""}`],
    ["answered", row.target === null ? "by no provider" : `by ${row.target} with ${credential(row.credential)}`],
    ["status", row.error === null ? String(row.status) : `${row.status} ${row.error}`],
    [
      "time taken",
      `${duration(row.latency_ms)}, first token ${duration(row.ttft_ms)}, upstream ${duration(row.upstream_ms)}`,
    ],
    ["tokens", tokens(row)],
    ["cost", row.cost_nano === null && row.flags.includes("unpriced") ? "unpriced" : renderMoney(row.cost_nano)],
    ...correction(answer),
    ["held", held(row)],
    ...notAsked(row),
    ...notTold(row),
    ["notes", row.flags.join(", ") || "–"],
  ]);
}

/** What the request asked and its provider has no word for. */
function notAsked({ dropped_params: dropped = [] }: ExplainAnswer["request"]): [string, string][] {
  return dropped.length === 0 ? [] : [["not asked", dropped.join(", ")]];
}

/** What the answer said and the client's API has no place for. */
function notTold({ untold = [] }: ExplainAnswer["request"]): [string, string][] {
  return untold.length === 0 ? [] : [["not told", untold.join(", ")]];
}

function held({ held_nano: nano, cost_nano: cost }: ExplainAnswer["request"]): string {
  if (nano === null) return "nothing";
  if (cost === null) return renderMoney(nano);
  const left = nano - cost;
  return `${renderMoney(nano)}, ${left < 0 ? `${renderMoney(-left)} less than it cost` : `${renderMoney(left)} given back`}`;
}

/** A provider without one is recorded as using `none`. */
function credential(name: string | null, absent = "no credential"): string {
  return name === null || name === "none" ? absent : name;
}

function tokens(row: ExplainAnswer["request"]): string {
  const parts = [`${renderCount(row.tokens_in)} in`, `${renderCount(row.tokens_out)} out`];
  if (row.tokens_cache_read !== null) parts.push(`${row.tokens_cache_read} read from cache`);
  if (row.tokens_cache_write !== null) parts.push(`${row.tokens_cache_write} written to cache`);
  if (row.tokens_reasoning !== null) parts.push(`${row.tokens_reasoning} reasoning`);
  return parts.join(", ");
}

function duration(ms: number | null): string {
  return ms === null ? "–" : renderDuration(ms);
}
