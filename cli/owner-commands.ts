/** `bifrost teams …` and its like: list, create, show, update, delete of one kind of owner. Hides that all kinds are one. */
import type { Command } from "commander";
import type { OwnerAnswer, OwnerListAnswer, OwnerView } from "../daemon/admin/contract/owners.ts";
import { addSubcommand, type Context } from "./command.ts";
import { CliFailure, exitCodes } from "./failure.ts";
import { readPages, rowsDefault, sayRest } from "./list-pages.ts";
import { parseNames, parseRows } from "./parse.ts";
import { renderJson, renderTable } from "./render.ts";
import { ownerColumns, renderOwner } from "./render-owner.ts";
import {
  type AboutOptions,
  aboutOptions,
  removalOptions,
  type ScopeOptions,
  scopeChange,
  scopeOptions,
} from "./scope-options.ts";
import { confirm, sayWarnings, withClient } from "./session.ts";

export type OwnerCommand = {
  /** `team`, as people say it. */
  readonly noun: string;
  /** Last segment of its path. */
  readonly path: string;
  readonly parents: readonly ("customer" | "team" | "user" | "key")[];
  /** It has models that may be called, and can be disabled. */
  readonly hasRules: boolean;
  /** It counts calls by model or provider. */
  readonly matches?: boolean;
};

type Options = ScopeOptions &
  AboutOptions & {
    readonly name?: string;
    readonly models?: readonly string[];
    readonly blocked?: readonly string[];
    readonly disable?: boolean;
    readonly enable?: boolean;
    readonly model?: string;
    readonly provider?: string;
    readonly search?: string;
    readonly json?: boolean;
    readonly yes?: boolean;
  } & Readonly<Partial<Record<"customer" | "team" | "user" | "key", string | false>>>;

export function buildOwners(command: Command, context: Context, kind: OwnerCommand): void {
  const { noun } = kind;
  list(addSubcommand(command, "list", `List ${noun}s`, context), context, kind);
  create(addSubcommand(command, "create", `Make a ${noun}`, context), context, kind);
  show(addSubcommand(command, "show", `Show a ${noun}, by id or name`, context), context, kind);
  update(addSubcommand(command, "update", `Change a ${noun}`, context), context, kind);
  remove(addSubcommand(command, "delete", `Remove a ${noun} that nothing belongs to`, context), context, kind);
}

function list(command: Command, context: Context, kind: OwnerCommand): void {
  for (const parent of kind.parents.filter((each) => each === "customer" || each === "team"))
    command.option(`--${parent} <${parent}>`, `Only those of this ${parent}`);
  command
    .option("--search <text>", "Only those with this in their name or id")
    .option("--limit <count>", "So many at most, oldest first, or all", parseRows, rowsDefault)
    .option("--json", "Print a JSON array")
    .action(async ({ json, search, customer, team, limit }: Options & { readonly limit: number }) => {
      const query = { search, customer: customer || undefined, team: team || undefined };
      const found = await withClient(command, context, (client) =>
        readPages(client, `/api/governance/${kind.path}`, limit, query, ({ owners }: OwnerListAnswer) => owners),
      );
      const { terminal } = context;
      if (json) terminal.out(renderJson(found.rows));
      else if (found.rows.length > 0) terminal.out(renderTable(found.rows, ownerColumns, terminal));
      else terminal.err(`There are no ${kind.noun}s.\n`);
      sayRest(found, context);
    });
}

function create(command: Command, context: Context, kind: OwnerCommand): void {
  const named = kind.matches
    ? command
        .option("--name <name>", "What refusals call it. Default: made of what it counts")
        .option("--model <name>", "Count this model: gpt-4o, gpt-4*. Default: all")
        .option("--provider <provider>", "Count this provider. Default: all")
    : command.requiredOption("--name <name>", `What refusals call the ${kind.noun}`);
  options(named, kind)
    .option("--json", "Print JSON")
    .action(async (given: Options) => {
      const { model, provider } = given;
      const match = { ...(model === undefined ? {} : { model }), ...(provider === undefined ? {} : { provider }) };
      const body = { ...change(given, kind), ...match };
      const path = `/api/governance/${kind.path}`;
      const answer = await withClient(command, context, (client) => client.call<OwnerAnswer>("POST", path, { body }));
      print(answer.owner, given.json, context);
      sayWarnings(answer, context);
    });
}

function show(command: Command, context: Context, kind: OwnerCommand): void {
  command
    .argument(`<${kind.noun.replace(" ", "-")}>`, "id or name")
    .option("--json", "Print JSON")
    .action(async (id: string, { json }: Options) => {
      const { owner } = await withClient(command, context, (client) =>
        client.call<OwnerAnswer>("GET", pathOf(kind, id)),
      );
      print(owner, json, context);
    });
}

function update(command: Command, context: Context, kind: OwnerCommand): void {
  const target = command
    .argument(`<${kind.noun.replace(" ", "-")}>`, "id or name")
    .option("--name <name>", "A new name");
  removalOptions(options(target, kind));
  for (const parent of kind.matches ? [] : kind.parents) command.option(`--no-${parent}`, `Belong to no ${parent}`);
  if (kind.hasRules)
    command.option("--disable", "Refuse all that is below").option("--enable", "Serve what is below again");
  command.option("--json", "Print JSON").action(async (id: string, given: Options) => {
    if (given.disable && given.enable) throw new CliFailure("--disable or --enable, not both", exitCodes.usage);
    const body = change(given, kind);
    if (Object.keys(body).length === 0) throw new CliFailure("nothing to change", exitCodes.usage);
    const answer = await withClient(command, context, (client) =>
      client.call<OwnerAnswer>("PATCH", pathOf(kind, id), { body }),
    );
    print(answer.owner, given.json, context);
    sayWarnings(answer, context);
  });
}

function remove(command: Command, context: Context, kind: OwnerCommand): void {
  command
    .argument(`<${kind.noun.replace(" ", "-")}>`, "id or name")
    .option("-y, --yes", "Do not ask")
    .option("--json", "Print JSON")
    .action(async (id: string, { yes, json }: Options) => {
      await withClient(command, context, async (client) => {
        const { owner } = await client.call<OwnerAnswer>("GET", pathOf(kind, id));
        await confirm(`Remove ${kind.noun} "${owner.name}" (${owner.id})?`, yes, context);
        const { owner: gone } = await client.call<OwnerAnswer>("DELETE", pathOf(kind, owner.id));
        if (json) context.terminal.out(renderJson(gone));
        else context.terminal.err(`${kind.noun} "${gone.name}" (${gone.id}) is removed.\n`);
      });
    });
}

function options(command: Command, kind: OwnerCommand): Command {
  aboutOptions(scopeOptions(command));
  for (const parent of kind.parents) command.option(`--${parent} <${parent}>`, `Of this ${parent}, by id or name`);
  if (!kind.hasRules) return command;
  return command
    .option("--models <names>", "What is below may call these only: a,provider/b,provider/*", parseNames)
    .option("--blocked <names>", "What is below may not call these", parseNames);
}

function change(given: Options, kind: OwnerCommand) {
  const { name, description, metadata, models, blocked, disable, enable } = given;
  const parents = kind.parents.flatMap((parent): [string, string | null][] => {
    const value = given[parent];
    return value === undefined ? [] : [[parent, value === false ? null : value]];
  });
  return {
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(models === undefined ? {} : { models }),
    ...(blocked === undefined ? {} : { blocked }),
    ...(disable || enable ? { disabled: disable === true } : {}),
    ...Object.fromEntries(parents),
    ...scopeChange(given),
  };
}

function print(owner: OwnerView, json: boolean | undefined, { terminal }: Context): void {
  terminal.out(json ? renderJson(owner) : renderOwner(owner));
}

function pathOf({ path, matches }: OwnerCommand, id: string): string {
  const where = matches && id.startsWith("plim_") ? "providers" : path;
  return `/api/governance/${where}/${encodeURIComponent(id)}`;
}
