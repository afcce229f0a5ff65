/** What `bifrost logs` can be narrowed by, as options: each is a filter of the admin API. Hides units and repetition. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { checkRange, parseCount, parseDuration, parseSince } from "./parse.ts";

export type LogFilterQuery = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

/** Options that may be given several times: one of the values must hold. */
const repeated: readonly (readonly [flags: string, field: string, description: string])[] = [
  ["--key <key>", "key", "Only of this key: id or name"],
  ["--team <team>", "team", "Only of this team's keys: id or name"],
  ["--customer <customer>", "customer", "Only of this customer's keys: id or name"],
  ["--user <user>", "user", "Only of this end user"],
  ["--session <session>", "session", "Only of this session"],
  ["--tag <name=value>", "tag", "Only with this tag"],
  ["--model <model>", "model", "Only of this model, as asked or as answered"],
  ["--provider <name>", "provider", "Only of this provider"],
  ["--target <provider/model>", "target", "Only answered by this target"],
  ["--credential <name>", "credential", "Only sent with this credential of a provider"],
  ["--route <name>", "route", "Only of this route: chat.completions, messages"],
  ["--status <status>", "status", "Only with this status: 429, 5xx, success or error"],
  ["--error <code>", "error", "Only with this error code, or any"],
  ["--rule <name>", "rule", "Only where this routing rule decided"],
  ["--stop <reason>", "stop", "Only that ended so: stop, length, tool_calls, content_filter, refusal"],
  ["--tool <name>", "tool", "Only whose answer calls this tool"],
  ["--id <request>", "id", "Only this request"],
  ["--parent <request>", "parent", "Only made for this request"],
];
const flags = ["estimated", "unpriced", "recovered", "unheld", "truncated", "fallback"];

export type LogFilterOptions = Readonly<Record<string, unknown>>;

export function addLogFilters(command: Command): Command {
  for (const [name, , description] of repeated) command.option(name, `${description}; may be repeated`, collect);
  return command
    .addOption(
      new Option("--engine <engine>", "Only where a rule, or else a strategy, chose").choices(["rule", "strategy"]),
    )
    .addOption(new Option("--flag <flag>", "Only with this flag").choices(flags))
    .addOption(new Option("--stream <yes|no>", "Only streamed, or not").choices(["yes", "no"]))
    .option("--min-latency <duration>", "Only that took as long: 2s, 250ms", parseDuration)
    .option("--max-latency <duration>", "Only that took no longer", parseDuration)
    .option("--min-tokens <count>", "Only with so many tokens, in and out together", parseCount)
    .option("--max-tokens <count>", "Only with no more tokens", parseCount)
    .option("--min-cost <dollars>", "Only that cost as much: 0.05", parseDollars)
    .option("--max-cost <dollars>", "Only that cost no more", parseDollars)
    .option("--trace <id>", "Only of this W3C trace")
    .option("--text <words>", "Only with these words in what is kept of question and answer")
    .option("--since <when>", "15m ago or later, or a date", parseSince)
    .option("--until <when>", "15m ago or earlier, or a date", parseSince);
}

export function logFilterQuery(options: LogFilterOptions, now: number): LogFilterQuery {
  const since = options["since"] as ((nowMs: number) => number) | undefined;
  const until = options["until"] as ((nowMs: number) => number) | undefined;
  checkRange(since?.(now), until?.(now));
  const value = (name: string) => options[name] as string | number | undefined;
  return {
    ...Object.fromEntries(repeated.map(([, field]) => [field, options[field] as readonly string[] | undefined])),
    engine: value("engine"),
    flag: value("flag"),
    stream: options["stream"] === undefined ? undefined : options["stream"] === "yes",
    latency_min_ms: value("minLatency"),
    latency_max_ms: value("maxLatency"),
    tokens_min: value("minTokens"),
    tokens_max: value("maxTokens"),
    cost_min_nano: value("minCost"),
    cost_max_nano: value("maxCost"),
    trace: value("trace"),
    text: value("text"),
    since_ms: since?.(now),
    until_ms: until?.(now),
  };
}

function collect(text: string, before: readonly string[] = []): readonly string[] {
  if (text === "") throw new InvalidArgumentError("Expected a value.");
  return [...before, text];
}

/** Read as text, so that no cent is lost. */
function parseDollars(text: string): number {
  const [, whole, places = ""] = /^\$?(\d{1,6})(?:\.(\d{1,9}))?$/.exec(text) ?? [];
  if (whole === undefined) throw new InvalidArgumentError("Expected dollars such as 0.05.");
  return Number(whole) * 1_000_000_000 + Number(places.padEnd(9, "0"));
}
