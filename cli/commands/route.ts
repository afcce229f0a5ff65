/** `bifrost route test`, `bifrost route rules` */
import { type Command, InvalidArgumentError } from "commander";
import type {
  RouteTestAnswer,
  RouteTestRequest,
  RouteTestTarget,
  RulesAnswer,
  RuleView,
} from "../../daemon/admin/contract/routing.ts";
import { addSubcommand, type Context } from "../command.ts";
import { exitCodes } from "../failure.ts";
import { type Column, renderDuration, renderJson, renderProperties, renderTable } from "../render.ts";
import { withDaemon } from "../session.ts";

const targetColumns: readonly Column<RouteTestTarget>[] = [
  { title: "TARGET", cell: ({ target }) => target, shrinkTo: 12 },
  { title: "FIRST", cell: ({ share }) => `${(100 * share).toFixed(1)} %`, align: "right" },
  { title: "BREAKER", cell: ({ breaker }) => breaker },
  { title: "NOTE", cell: ({ note }) => note ?? "", shrinkTo: 20 },
];

const leftOutColumns: readonly Column<RouteTestAnswer["left_out"][number]>[] = [
  { title: "LEFT OUT", cell: ({ target }) => target, shrinkTo: 12 },
  { title: "WHY", cell: ({ note }) => note, shrinkTo: 20 },
];

const ruleColumns: readonly Column<RuleView>[] = [
  { title: "RULE", cell: ({ name }) => name, shrinkTo: 12 },
  { title: "HELD", cell: ({ held }) => String(held), align: "right" },
  { title: "ERRORS", cell: ({ errors }) => String(errors), align: "right" },
];

type Options = {
  model: string;
  key?: string;
  header?: readonly string[];
  body?: string;
  tokens?: number;
  maxTokens?: number;
  type?: string;
  stream?: boolean;
  json?: boolean;
};

export function build(route: Command, context: Context): void {
  addSubcommand(route, "test", "Show what the data plane would decide for a request; nothing is sent", context)
    .requiredOption("--model <name>", "Model as a client would ask for it")
    .option("--key <name>", "Name or id of the key that asks")
    .option("--header <name:value>", "A header of the request; may be given more than once", collect)
    .option("--body <json>", "Members of its body that rules or preferences look at")
    .option("--tokens <count>", "Length of the prompt, in tokens", whole)
    .option("--max-tokens <count>", "Output limit of the request", whole)
    .option("--type <operation>", "chat, embeddings, …", "chat")
    .option("--stream", "The request is streamed")
    .option("--json", "Print JSON")
    .action(async function test(this: Command, options: Options) {
      const body = requestOf(options);
      const answer = await withDaemon(this, context, (client) =>
        client.call<RouteTestAnswer>("POST", "/api/route/test", { body }),
      );
      const { terminal } = context;
      terminal.out(options.json ? renderJson(answer) : render(answer, terminal));
      if (answer.chosen === null) context.exitWith(exitCodes.checkFailed);
    });
  addSubcommand(route, "rules", "Show how often each rule held or could not be evaluated", context)
    .option("--json", "Print JSON")
    .action(async function list(this: Command, { json }: { json?: boolean }) {
      const answer = await withDaemon(this, context, (client) => client.call<RulesAnswer>("GET", "/api/routing/rules"));
      const { terminal } = context;
      if (json) terminal.out(renderJson(answer.rules));
      else if (answer.rules.length === 0) terminal.err("There are no rules. Make one with: bifrost rules create\n");
      else terminal.out(renderTable(answer.rules, ruleColumns, terminal));
    });
}

function requestOf(options: Options): RouteTestRequest {
  return {
    model: options.model,
    ...(options.key === undefined ? {} : { key: options.key }),
    ...(options.header === undefined ? {} : { headers: Object.fromEntries(options.header.map(headerOf)) }),
    ...(options.body === undefined ? {} : { body: bodyOf(options.body) }),
    ...(options.tokens === undefined ? {} : { tokens: options.tokens }),
    ...(options.maxTokens === undefined ? {} : { max_tokens: options.maxTokens }),
    ...(options.type === undefined ? {} : { request_type: options.type }),
    ...(options.stream ? { stream: true } : {}),
  };
}

function render(answer: RouteTestAnswer, terminal: Context["terminal"]): string {
  const decided = renderProperties([
    ["model", answer.model],
    ["goes to", answer.chosen ?? "nowhere"],
    ...(answer.credential === null || answer.credential === "none"
      ? []
      : ([["credential", answer.credential]] as const)),
    ...(answer.error === null ? [] : ([["why", `${answer.error.code}: ${answer.error.message}`]] as const)),
    ["rules", answer.rules.join(" → ") || "none held"],
    ["strategy", answer.strategy ?? "nothing to choose"],
    ["kept by", answer.affinity?.replace("_", " ") ?? "–"],
    ...hedge(answer.hedge),
    ...list("too long a prompt", answer.on_context_window),
    ...list("refused content", answer.on_content_policy),
  ]);
  const tables = [
    ...(answer.targets.length === 0 ? [] : [renderTable(answer.targets, targetColumns, terminal)]),
    ...(answer.left_out.length === 0 ? [] : [renderTable(answer.left_out, leftOutColumns, terminal)]),
  ];
  return [decided, ...tables].join("\n");
}

/** A config without hedging says nothing of it. */
function hedge(hedge: RouteTestAnswer["hedge"]): readonly (readonly [string, string])[] {
  if (hedge === null) return [];
  const after = hedge.after_ms === null ? "" : ` after ${renderDuration(hedge.after_ms)}`;
  return [["asked beside it", hedge.target === null ? `nobody${after}: ${hedge.note}` : `${hedge.target}${after}`]];
}

function list(title: string, names: readonly string[]): readonly (readonly [string, string])[] {
  return names.length === 0 ? [] : [[title, `then ${names.join(", ")}`]];
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function headerOf(written: string): readonly [string, string] {
  const colon = written.indexOf(":");
  if (colon < 1) throw new InvalidArgumentError(`--header ${written}: write it as name:value`);
  return [written.slice(0, colon).trim().toLowerCase(), written.slice(colon + 1).trim()];
}

function bodyOf(written: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(written);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // said below
  }
  throw new InvalidArgumentError("--body: write a JSON object");
}

function whole(written: string): number {
  if (!/^\d{1,9}$/.test(written)) throw new InvalidArgumentError("write a whole number");
  return Number(written);
}
