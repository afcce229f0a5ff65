/** `bifrost keys …` */
import type { Command } from "commander";
import type { StatusAnswer } from "../../daemon/admin/contract/daemon.ts";
import type {
  CreateKeyRequest,
  KeyAnswer,
  KeyListAnswer,
  KeySecretAnswer,
  KeyView,
  RotateKeyRequest,
  UpdateKeyRequest,
} from "../../daemon/admin/contract/keys.ts";
import type { LimitChange, LimitRequest } from "../../daemon/admin/contract/scopes.ts";
import type { Client } from "../client.ts";
import { addSubcommand, type Context } from "../command.ts";
import { CliFailure, exitCodes } from "../failure.ts";
import {
  collectBudget,
  type Expiry,
  parseCount,
  parseDuration,
  parseExpiry,
  parseNames,
  type TypedBudget,
  toBudgetRequest,
} from "../parse.ts";
import { renderJson, renderTable } from "../render.ts";
import { curlLine, exampleModel } from "../render-curl.ts";
import { keyColumns, renderKey } from "../render-key.ts";
import { confirm, withClient } from "../session.ts";

/** An option that was not given is absent; one given as `--no-…` is false. */
type LimitOptions = {
  readonly budget?: readonly TypedBudget[] | false;
  readonly calendar?: boolean;
  readonly zone?: string;
  readonly rpm?: number | false;
  readonly tpm?: number | false;
  readonly models?: readonly string[];
  readonly expires?: Expiry;
  readonly concurrency?: number | false;
};
type CreateOptions = LimitOptions & { readonly name: string; readonly json?: boolean };
type UpdateOptions = LimitOptions & {
  readonly name?: string;
  readonly disable?: boolean;
  readonly enable?: boolean;
  readonly json?: boolean;
};

const minuteMs = 60_000;
const pageRows = 1_000;
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
  limitOptions(command.requiredOption("--name <name>", "What logs and refusals call the key"))
    .option("--json", "Print the key and its secret as JSON")
    .action(async (options: CreateOptions) => {
      const request: CreateKeyRequest = {
        name: options.name,
        models: options.models,
        ...options.expires,
        ...(options.budget ? { budgets: budgetsOf(options.budget, options) } : {}),
        limits: limitsOf(options) as LimitRequest[],
        ...(options.concurrency === undefined ? {} : { concurrency_max: options.concurrency || 0 }),
      } as CreateKeyRequest;
      await withClient(command, context, async (client) => {
        const answer = await client.call<KeySecretAnswer>("POST", "/api/keys", { body: request });
        await printSecret(answer, options.json, client, context);
      });
    });
}

function buildList(command: Command, context: Context): void {
  command
    .option("--all", "Revoked keys too")
    .option("--json", "Print a JSON array")
    .action(async ({ all, json }: { all?: boolean; json?: boolean }) => {
      const found = await withClient(command, context, (client) => allKeys(client, all));
      if (json) return context.terminal.out(renderJson(found));
      if (found.length > 0) return context.terminal.out(renderTable(found, keyColumns, context.terminal));
      context.terminal.err("There are no keys. Make one with: bifrost keys create --name <name>\n");
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
  limitOptions(command.argument("<key>", "id or name").option("--name <name>", "A new name"))
    .option("--no-budget", "No budget at all")
    .option("--no-rpm", "No limit on requests")
    .option("--no-tpm", "No limit on tokens")
    .option("--no-concurrency", "No limit on requests in flight")
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
    });
}

function buildRotate(command: Command, context: Context): void {
  command
    .argument("<key>", "id or name")
    .option("--grace <duration>", "Accept the old secret for this long too (default: not at all)", parseDuration)
    .option("--json", "Print the key and its secret as JSON")
    .action(async (key: string, { grace, json }: { grace?: number; json?: boolean }) => {
      const body: RotateKeyRequest = grace === undefined ? {} : { grace_ms: grace };
      await withClient(command, context, async (client) => {
        const answer = await client.call<KeySecretAnswer>("POST", `${pathOf(key)}/rotate`, { body });
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

function limitOptions(command: Command): Command {
  return command
    .option("--budget <dollars/window>", "10/1d: $10 a day; 10: $10 in all; 0: nothing; may be repeated", collectBudget)
    .option("--calendar", "Budget windows begin with the hour, day, week, month of --zone")
    .option("--zone <zone>", "Time zone of --calendar, such as Europe/Berlin (default: this machine's)")
    .option("--rpm <count>", "Requests a minute", parseCount)
    .option("--tpm <count>", "Tokens a minute", parseCount)
    .option("--concurrency <count>", "Requests in flight at once", parseCount)
    .option("--models <names>", "Allowed models: a,provider/b,provider/*", parseNames)
    .option("--expires <when>", "30d, a date, or never", parseExpiry);
}

function budgetsOf(budgets: readonly TypedBudget[], { calendar, zone }: LimitOptions) {
  if (zone !== undefined && !calendar) throw new CliFailure("--zone needs --calendar", exitCodes.usage);
  const calendarZone = calendar ? (zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone) : undefined;
  return budgets.map((budget) => toBudgetRequest(budget, calendarZone));
}

function limitsOf({ rpm, tpm }: LimitOptions): LimitChange[] {
  const limits: LimitChange[] = [];
  if (rpm !== undefined) limits.push({ metric: "requests", limit: rpm === false ? null : rpm, window_ms: minuteMs });
  if (tpm !== undefined) limits.push({ metric: "tokens", limit: tpm === false ? null : tpm, window_ms: minuteMs });
  return limits;
}

function updateRequest(options: UpdateOptions): UpdateKeyRequest {
  if (options.disable && options.enable) throw new CliFailure("--disable or --enable, not both", exitCodes.usage);
  if (options.calendar && !options.budget) throw new CliFailure("--calendar needs --budget", exitCodes.usage);
  const limits = limitsOf(options);
  const { budget, concurrency } = options;
  return {
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(options.models === undefined ? {} : { models: options.models }),
    ...options.expires,
    ...(options.disable || options.enable ? { disabled: options.disable === true } : {}),
    ...(budget === undefined ? {} : { budgets: budget === false ? [] : budgetsOf(budget, options) }),
    ...(limits.length === 0 ? {} : { limits }),
    ...(concurrency === undefined ? {} : { concurrency_max: concurrency === false ? null : concurrency }),
  };
}

async function allKeys(client: Client, all: boolean | undefined): Promise<readonly KeyView[]> {
  const found: KeyView[] = [];
  let after: string | undefined;
  do {
    const page = await client.call<KeyListAnswer>("GET", "/api/keys", { query: { limit: pageRows, after, all } });
    found.push(...page.keys);
    after = page.next ?? undefined;
  } while (after !== undefined);
  return found;
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
  if (key.old_secret_expires_at_ms !== null)
    terminal.err(`The old secret works until ${new Date(key.old_secret_expires_at_ms).toISOString()}.\n`);
  if (!terminal.outIsTerminal) return;
  const running = client.daemon && (await client.call<StatusAnswer>("GET", "/api/status").catch(() => undefined));
  terminal.err(`\nTry it:\n\n  ${curlLine(running?.url ?? defaultUrl, secret, exampleModel(key.models))}\n`);
}

function pathOf(key: string): string {
  return `/api/keys/${encodeURIComponent(key)}`;
}
