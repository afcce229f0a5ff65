/** `bifrost keys …` */
import { type Command, InvalidArgumentError, Option } from "commander";
import type { StatusAnswer } from "../../daemon/admin/contract/daemon.ts";
import type {
  CreateKeyRequest,
  KeyAnswer,
  KeyListAnswer,
  KeySecretAnswer,
  KeySecretsAnswer,
  KeyView,
  OnUnsupported,
  ProviderConfigRequest,
  RotateKeyRequest,
  RotateKeysRequest,
  UpdateKeyRequest,
} from "../../daemon/admin/contract/keys.ts";
import type { ContentLevel } from "../../daemon/admin/contract/logs.ts";
import type { LimitRequest } from "../../daemon/admin/contract/scopes.ts";
import type { Client } from "../client.ts";
import { addSubcommand, type Context } from "../command.ts";
import { CliFailure, exitCodes } from "../failure.ts";
import { readPages, rowsDefault, sayRest } from "../list-pages.ts";
import { type Expiry, parseDuration, parseExpiry, parseNames, parseRows } from "../parse.ts";
import { renderJson, renderTable } from "../render.ts";
import { curlLine, exampleModel } from "../render-curl.ts";
import { keyColumns, renderKey } from "../render-key.ts";
import {
  type AboutOptions,
  aboutOptions,
  budgetsOf,
  limitsOf,
  removalOptions,
  type ScopeOptions,
  scopeChange,
  scopeOptions,
} from "../scope-options.ts";
import { confirm, sayWarnings, withClient } from "../session.ts";

type KeyOptions = ScopeOptions &
  AboutOptions & {
    readonly models?: readonly string[];
    readonly blocked?: readonly string[];
    readonly expires?: Expiry;
    readonly provider?: readonly ProviderConfigRequest[] | false;
    readonly deleteExpired?: boolean;
    readonly unsupported?: OnUnsupported | false;
    readonly raw?: boolean;
    readonly operations?: readonly string[] | false;
    readonly alias?: Readonly<Record<string, string>> | false;
    readonly required?: readonly string[] | false;
    readonly team?: string | false;
    readonly user?: string | false;
    readonly customer?: string | false;
    readonly content?: ContentLevel | false;
  };
type CreateOptions = KeyOptions & { readonly name: string; readonly json?: boolean };
type UpdateOptions = KeyOptions & {
  readonly name?: string;
  readonly disable?: boolean;
  readonly enable?: boolean;
  readonly json?: boolean;
};

const defaultUrl = "http://127.0.0.1:8080";

export function build(keys: Command, context: Context): void {
  buildCreate(addSubcommand(keys, "create", "Make a key and print its secret, once", context), context);
  buildList(addSubcommand(keys, "list", "List keys", context), context);
  buildShow(addSubcommand(keys, "show", "Show a key, by id or name", context), context);
  buildUpdate(addSubcommand(keys, "update", "Change what a key may do", context), context);
  buildRotate(addSubcommand(keys, "rotate", "Give a key a new secret and print it, once", context), context);
  buildRevoke(addSubcommand(keys, "revoke", "Refuse a key from now on, for good", context), context);
}

function buildCreate(command: Command, context: Context): void {
  keyOptions(command.requiredOption("--name <name>", "What logs and refusals call the key"))
    .option("--json", "Print the key and its secret as JSON")
    .action(async (options: CreateOptions) => {
      const request: CreateKeyRequest = {
        name: options.name,
        models: options.models,
        ...options.expires,
        ...(options.budget ? { budgets: budgetsOf(options.budget, options) } : {}),
        limits: limitsOf(options) as LimitRequest[],
        ...(options.concurrency === undefined ? {} : { concurrency_max: options.concurrency || 0 }),
        ...ownChange(options),
      } as CreateKeyRequest;
      await withClient(command, context, async (client) => {
        const answer = await client.call<KeySecretAnswer>("POST", "/api/keys", { body: request });
        await printSecret(answer, options.json, client, context);
      });
    });
}

function buildList(command: Command, context: Context): void {
  type Options = {
    readonly all?: boolean;
    readonly search?: string;
    readonly team?: string;
    readonly user?: string;
    readonly customer?: string;
    readonly limit: number;
    readonly json?: boolean;
  };
  command
    .option("--all", "Revoked keys too")
    .option("--search <text>", "Only those with this in their name or id")
    .option("--team <team>", "Only those of this team itself, by id or name")
    .option("--user <user>", "Only those of this user")
    .option("--customer <customer>", "Only those of this customer itself")
    .option("--limit <count>", "So many at most, oldest first, or all", parseRows, rowsDefault)
    .option("--json", "Print a JSON array")
    .action(async ({ limit, json, ...query }: Options) => {
      const found = await withClient(command, context, (client) =>
        readPages(client, "/api/keys", limit, query, ({ keys }: KeyListAnswer) => keys),
      );
      const { terminal } = context;
      if (json) terminal.out(renderJson(found.rows));
      else if (found.rows.length > 0) terminal.out(renderTable(found.rows, keyColumns, terminal));
      else if (query.search !== undefined) terminal.err(`No key has "${query.search}" in its name or id.\n`);
      else terminal.err("There are no keys. Make one with: bifrost keys create --name <name>\n");
      sayRest(found, context);
    });
}

function buildShow(command: Command, context: Context): void {
  command
    .argument("<key>", "id or name")
    .option("--json", "Print JSON")
    .action(async (key: string, { json }: { json?: boolean }) => {
      const answer = await withClient(command, context, (client) => client.call<KeyAnswer>("GET", pathOf(key)));
      printKey(answer.key, json, context);
    });
}

function buildUpdate(command: Command, context: Context): void {
  removalOptions(keyOptions(command.argument("<key>", "id or name").option("--name <name>", "A new name")))
    .option("--no-team", "Belong to no team")
    .option("--no-user", "Belong to no user")
    .option("--no-customer", "Belong to no customer")
    .option("--no-provider", "Any provider")
    .option("--no-content", "Keep what the config says")
    .option("--no-unsupported", "As the provider says")
    .option("--no-raw", "Show it no raw bodies")
    .option("--no-operations", "It may ask for everything")
    .option("--no-alias", "No names of its own")
    .option("--no-required", "Its requests may say what they like")
    .option("--disable", "Refuse the key until it is enabled")
    .option("--enable", "Accept the key again")
    .option("--json", "Print JSON")
    .action(async (key: string, options: UpdateOptions) => {
      const body = updateRequest(options);
      if (Object.keys(body).length === 0)
        throw new CliFailure("nothing to change", exitCodes.usage, "See: bifrost keys update --help");
      const answer = await withClient(command, context, (client) =>
        client.call<KeyAnswer>("PATCH", pathOf(key), { body }),
      );
      printKey(answer.key, options.json, context);
      sayWarnings(answer, context);
    });
}

function buildRotate(command: Command, context: Context): void {
  command
    .argument("<keys...>", "ids or names; of several, each new secret is a line after its key's name")
    .option("--grace <duration>", "Accept the old secret for this long too (default: not at all)", parseDuration)
    .option("--json", "Print the key and its secret as JSON")
    .action(async (keys: readonly string[], { grace, json }: { grace?: number; json?: boolean }) => {
      const body: RotateKeyRequest = grace === undefined ? {} : { grace_ms: grace };
      await withClient(command, context, async (client) => {
        const [key, ...others] = keys;
        if (others.length > 0) return printSecrets(await rotateAll(client, keys, body), json, context);
        const answer = await client.call<KeySecretAnswer>("POST", `${pathOf(key!)}/rotate`, { body });
        await printSecret(answer, json, client, context);
      });
    });
}

function buildRevoke(command: Command, context: Context): void {
  command
    .argument("<key>", "id or name")
    .option("-y, --yes", "Do not ask")
    .option("--json", "Print JSON")
    .action(async (key: string, { yes, json }: { yes?: boolean; json?: boolean }) => {
      await withClient(command, context, async (client) => {
        const { key: found } = await client.call<KeyAnswer>("GET", pathOf(key));
        await confirm(`Revoke key "${found.name}" (${found.id}) for good?`, yes, context);
        const { key: revoked } = await client.call<KeyAnswer>("DELETE", pathOf(found.id));
        if (json) context.terminal.out(renderJson(revoked));
        else context.terminal.err(`Key "${revoked.name}" (${revoked.id}) is revoked.\n`);
      });
    });
}

function keyOptions(command: Command): Command {
  return aboutOptions(scopeOptions(command))
    .option("--models <names>", "Allowed models: a,provider/b,provider/*", parseNames)
    .option("--blocked <names>", "Of those, not these", parseNames)
    .option("--provider <name[:weight]>", "May use this provider; may be repeated. Default: every one", collectProvider)
    .option("--team <team>", "Belong to this team, by id or name")
    .option("--user <user>", "Belong to this user")
    .option("--customer <customer>", "Belong to this customer")
    .addOption(
      new Option("--content <level>", "Keep of what is said with it (default: as the config says)").choices(
        contentLevels,
      ),
    )
    .option("--expires <when>", "30d, a date, or never", parseExpiry)
    .option("--delete-expired", "Take the key away once it has expired")
    .addOption(
      new Option(
        "--unsupported <how>",
        "Refuse a parameter that a provider cannot be told, or leave it out (default: as the provider says)",
      ).choices(["strict", "drop"]),
    )
    .option("--raw", "It may be shown raw bodies, where auth.raw_bodies in the config is keys")
    .option("--operations <names>", "It may ask for these only: chat,embeddings", parseNames)
    .option("--alias <name=model>", "A name of its own for a model; may be repeated", collectAlias)
    .option("--required <names>", "What each of its requests must have: user,metadata.project", parseNames);
}

const contentLevels: readonly ContentLevel[] = ["off", "metadata", "full"];

/** `openai`, or with a share of the calls that name no provider, `openai:2`. */
function collectProvider(text: string, before?: readonly ProviderConfigRequest[] | false): ProviderConfigRequest[] {
  const [, provider, weight] = /^([^:]+)(?::(\d+(?:\.\d+)?))?$/.exec(text) ?? [];
  if (provider === undefined) throw new InvalidArgumentError("Expected a provider, or one with a weight: openai:2.");
  return [...(before || []), { provider, ...(weight === undefined ? {} : { weight: Number(weight) }) }];
}

function collectAlias(text: string, before?: Readonly<Record<string, string>> | false): Record<string, string> {
  const [, name, model] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || model === undefined)
    throw new InvalidArgumentError("Expected a name and a model: fast=openai/gpt-5-mini.");
  return { ...(before || {}), [name]: model };
}

/** What only keys have. */
function ownChange(options: KeyOptions) {
  const { description, metadata, blocked, provider, deleteExpired, content, unsupported, raw, team, user, customer } =
    options;
  const parent = (name: string, value: string | false | undefined) => bound(name, value);
  return {
    ...(description === undefined ? {} : { description }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(blocked === undefined ? {} : { blocked }),
    ...(provider === undefined ? {} : { providers: provider === false ? null : provider }),
    ...(deleteExpired === undefined ? {} : { delete_expired: deleteExpired }),
    ...(content === undefined ? {} : { content: content === false ? null : content }),
    ...(unsupported === undefined ? {} : { unsupported: unsupported === false ? null : unsupported }),
    ...(raw === undefined ? {} : { raw }),
    ...bound("operations", options.operations),
    ...bound("aliases", options.alias),
    ...bound("required", options.required),
    ...parent("team", team),
    ...parent("user", user),
    ...parent("customer", customer),
  };
}

function bound(name: string, value: unknown): object {
  return value === undefined ? {} : { [name]: value === false ? null : value };
}

function updateRequest(options: UpdateOptions): UpdateKeyRequest {
  if (options.disable && options.enable) throw new CliFailure("--disable or --enable, not both", exitCodes.usage);
  return {
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(options.models === undefined ? {} : { models: options.models }),
    ...options.expires,
    ...(options.disable || options.enable ? { disabled: options.disable === true } : {}),
    ...scopeChange(options),
    ...ownChange(options),
  };
}

function printKey(key: KeyView, json: boolean | undefined, { terminal }: Context): void {
  terminal.out(json ? renderJson(key) : renderKey(key));
}

/** The secret alone on stdout, so that `KEY=$(bifrost keys create …)` holds it and nothing else. */
async function printSecret(answer: KeySecretAnswer, json: boolean | undefined, client: Client, { terminal }: Context) {
  if (json) return terminal.out(renderJson(answer));
  const { key, secret } = answer;
  terminal.err(`Key "${key.name}" (${key.id}). Its secret is shown this once:\n`);
  terminal.out(`${secret}\n`);
  sayWarnings(answer, { terminal });
  if (key.old_secret_expires_at_ms !== null)
    terminal.err(`The old secret works until ${new Date(key.old_secret_expires_at_ms).toISOString()}.\n`);
  if (!terminal.outIsTerminal) return;
  const running = client.daemon && (await client.call<StatusAnswer>("GET", "/api/status").catch(() => undefined));
  terminal.err(`\nTry it:\n\n  ${curlLine(running?.url ?? defaultUrl, secret, exampleModel(key.models))}\n`);
}

function rotateAll(client: Client, ids: readonly string[], body: RotateKeyRequest): Promise<KeySecretsAnswer> {
  const all: RotateKeysRequest = { ids, ...body };
  return client.call<KeySecretsAnswer>("POST", "/api/keys/rotate", { body: all });
}

function printSecrets(answer: KeySecretsAnswer, json: boolean | undefined, { terminal }: Context): void {
  if (json) terminal.out(renderJson(answer));
  else for (const { key, secret } of answer.rotated) terminal.out(`${key.name}\t${secret}\n`);
  if (answer.failed.length === 0) return;
  const words = answer.failed.map(({ id, message }) => `${id}: ${message}`).join("\n");
  throw new CliFailure(`${answer.failed.length} of the keys were not rotated\n${words}`, exitCodes.failure);
}

function pathOf(key: string): string {
  return `/api/keys/${encodeURIComponent(key)}`;
}
