/** `bifrost rules list|show|create|update|delete`: routing rules, the config file's and the database's. */
import { type Command, InvalidArgumentError } from "commander";
import type {
  CreateRuleRequest,
  RuleAnswer,
  RulesAnswer,
  RuleView,
  UpdateRuleRequest,
} from "../../daemon/admin/contract/routing.ts";
import { addSubcommand, type Context } from "../command.ts";
import { CliFailure, exitCodes } from "../failure.ts";
import { parseNames } from "../parse.ts";
import { type Column, renderJson, renderProperties, renderTable } from "../render.ts";
import { confirm, withClient } from "../session.ts";

const path = "/api/routing/rules";
const pathOf = (rule: string): string => `${path}/${encodeURIComponent(rule)}`;

const columns: readonly Column<RuleView>[] = [
  { title: "RULE", cell: ({ name }) => name, shrinkTo: 12 },
  { title: "OWNER", cell: ({ source }) => source },
  { title: "SCOPE", cell: ({ scope }) => scope, shrinkTo: 12 },
  { title: "PRIORITY", cell: ({ priority }) => String(priority), align: "right" },
  { title: "WHEN", cell: ({ when }) => when || "always", shrinkTo: 20 },
  { title: "TO", cell: (rule) => targetsOf(rule), shrinkTo: 16 },
  { title: "STATE", cell: stateOf, shrinkTo: 12 },
  { title: "HELD", cell: ({ held }) => String(held), align: "right" },
];

type Options = {
  readonly name?: string;
  readonly when?: string;
  readonly scope?: string;
  readonly priority?: number;
  readonly target?: readonly string[];
  readonly strategy?: string;
  readonly fallbacks?: readonly string[];
  readonly chain?: boolean;
  readonly description?: string;
  readonly enable?: boolean;
  readonly disable?: boolean;
  readonly json?: boolean;
};

export function build(rules: Command, context: Context): void {
  buildList(addSubcommand(rules, "list", "List rules, in the order they are asked within a scope", context), context);
  addSubcommand(rules, "show", "Show a rule, by id or name", context)
    .argument("<rule>", "id or name")
    .option("--json", "Print JSON")
    .action(async function show(this: Command, rule: string, { json }: Options) {
      const answer = await withClient(this, context, (client) => client.call<RuleAnswer>("GET", pathOf(rule)));
      print(answer, json, context);
    });
  ruleOptions(addSubcommand(rules, "create", "Make a rule, in force at once", context))
    .requiredOption("--name <name>", "What `explain` and metrics call the rule")
    .action(async function create(this: Command, options: Options) {
      const body = { name: options.name, ...requestOf(options) } as CreateRuleRequest;
      const answer = await withClient(this, context, (client) => client.call<RuleAnswer>("POST", path, { body }));
      print(answer, options.json, context);
    });
  ruleOptions(addSubcommand(rules, "update", "Change a rule; what is not said stays", context))
    .argument("<rule>", "id or name")
    .option("--name <name>", "A new name")
    .option("--enable", "Ask the rule again")
    .option("--no-chain", "End with this rule")
    .action(async function update(this: Command, rule: string, options: Options) {
      const name = options.name === undefined ? {} : { name: options.name };
      const body: UpdateRuleRequest = { ...name, ...requestOf(options) };
      if (Object.keys(body).length === 0)
        throw new CliFailure("nothing to change", exitCodes.usage, "See: bifrost rules update --help");
      const answer = await withClient(this, context, (client) =>
        client.call<RuleAnswer>("PATCH", pathOf(rule), { body }),
      );
      print(answer, options.json, context);
    });
  addSubcommand(rules, "delete", "Remove a rule", context)
    .argument("<rule>", "id or name")
    .option("-y, --yes", "Do not ask")
    .option("--json", "Print JSON")
    .action(async function remove(this: Command, rule: string, { yes, json }: Options & { readonly yes?: boolean }) {
      await withClient(this, context, async (client) => {
        await confirm(`Remove routing rule "${rule}"?`, yes, context);
        const answer = await client.call<RuleAnswer>("DELETE", pathOf(rule));
        if (json) context.terminal.out(renderJson(answer.rule));
        else context.terminal.err(`Routing rule "${answer.rule.name}" is removed.\n`);
      });
    });
}

function buildList(command: Command, context: Context): void {
  command
    .option("--search <text>", "Only those with this in their name or id")
    .option("--json", "Print a JSON array")
    .action(async ({ search, json }: { readonly search?: string; readonly json?: boolean }) => {
      const query = { search, limit: 1_000, sort_by: "priority" };
      const { rules } = await withClient(command, context, (client) =>
        client.call<RulesAnswer>("GET", path, { query }),
      );
      const { terminal } = context;
      if (json) terminal.out(renderJson(rules));
      else if (rules.length > 0) terminal.out(renderTable(rules, columns, terminal));
      else terminal.err("There are no rules. Make one with: bifrost rules create --name <name> --target <model>\n");
    });
}

function ruleOptions(command: Command): Command {
  return command
    .option("--when <cel>", "CEL over the request; empty: always")
    .option("--scope <scope>", "global, key:NAME, user:NAME, team:NAME or customer:NAME")
    .option("--priority <number>", "The lowest is asked first", parsePriority)
    .option("--target <model[=weight]>", "Where its requests go; may be repeated", collect)
    .option("--strategy <name>", "How one of several targets is chosen")
    .option("--fallbacks <names>", "What is tried after them: a/x,b/y", parseNames)
    .option("--chain", "Ask the rules once more, with the model that this one chose")
    .option("--disable", "Do not ask it")
    .option("--description <text>", "What people should know of it")
    .option("--json", "Print JSON");
}

function requestOf(options: Options): UpdateRuleRequest {
  const { when, scope, priority, target, strategy, fallbacks, chain, description, enable, disable } = options;
  if (enable && disable) throw new CliFailure("--enable or --disable, not both", exitCodes.usage);
  return {
    ...(when === undefined ? {} : { when: when === "" ? null : when }),
    ...(scope === undefined ? {} : { scope }),
    ...(priority === undefined ? {} : { priority }),
    ...(target === undefined ? {} : { targets: target.map(targetOf) }),
    ...(strategy === undefined ? {} : { strategy }),
    ...(fallbacks === undefined ? {} : { fallbacks }),
    ...(chain === undefined ? {} : { chain }),
    ...(description === undefined ? {} : { description }),
    ...(enable || disable ? { enabled: enable === true } : {}),
  };
}

function targetOf(text: string): { readonly target: string; readonly weight?: number } {
  const [, target, weight] = /^(.+)=(\d+(?:\.\d+)?)$/.exec(text) ?? [];
  if (target !== undefined) return { target, weight: Number(weight) };
  // No model's name ends like this: what stands there was meant for a weight.
  if (/=[^=/]*$/.test(text))
    throw new CliFailure(`"${text}": write a weight as ${text.replace(/=.*$/, "")}=3`, exitCodes.usage);
  return { target: text };
}

function print({ rule }: RuleAnswer, json: boolean | undefined, { terminal }: Context): void {
  if (json) terminal.out(renderJson(rule));
  else
    terminal.out(
      renderProperties([
        ["name", rule.name],
        ["id", rule.id ?? "–"],
        ["owner", rule.source === "file" ? "the config file" : "the database"],
        ["state", stateOf(rule)],
        ...(rule.description === null ? [] : ([["description", rule.description]] as const)),
        ["scope", rule.scope],
        ["priority", String(rule.priority)],
        ["when", rule.when || "always"],
        ["goes to", targetsOf(rule)],
        ["strategy", rule.strategy ?? "as the config says"],
        ["then", rule.fallbacks?.join(", ") ?? "as the config says"],
        ["chain", rule.chain ? "yes" : "no"],
        ["held", String(rule.held)],
        ["errors", String(rule.errors)],
      ]),
    );
}

function targetsOf({ targets }: RuleView): string {
  if (targets.length === 0) return "where they would go anyway";
  return targets.map(({ target, weight }) => (weight === 1 ? target : `${target}=${weight}`)).join(", ");
}

function stateOf({ fault, enabled }: RuleView): string {
  return fault !== null ? `not in force: ${fault}` : enabled ? "in force" : "disabled";
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function parsePriority(text: string): number {
  if (!/^-?\d{1,9}$/.test(text)) throw new InvalidArgumentError("Expected a whole number.");
  return Number(text);
}
