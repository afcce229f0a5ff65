/** `bifrost tokens …` */
import type { Command } from "commander";
import type {
  CreateTokenRequest,
  TokenAnswer,
  TokenListAnswer,
  TokenSecretAnswer,
  TokenView,
} from "../../daemon/admin/contract/tokens.ts";
import { addSubcommand, type Context } from "../command.ts";
import { readPages, rowsDefault, sayRest } from "../list-pages.ts";
import { parseDuration, parseNames, parseRows } from "../parse.ts";
import { type Column, renderJson, renderTable, renderTime } from "../render.ts";
import { confirm, withClient } from "../session.ts";

const columns: readonly Column<TokenView>[] = [
  { title: "NAME", cell: ({ name }) => name, shrinkTo: 8 },
  { title: "ID", cell: ({ id }) => id, shrinkTo: 10, mayDrop: true },
  { title: "STATE", cell: ({ state }) => state },
  { title: "PERMISSIONS", cell: ({ permissions }) => permissions.join(" "), shrinkTo: 12 },
  { title: "WITHIN", cell: ({ within }) => (within === null ? "" : `${within.kind} ${within.name}`), shrinkTo: 8 },
  { title: "BY", cell: ({ created_by }) => created_by, shrinkTo: 6, mayDrop: true },
  { title: "EXPIRES", cell: ({ expires_at_ms }) => renderTime(expires_at_ms), mayDrop: true },
];

export function build(tokens: Command, context: Context): void {
  buildCreate(addSubcommand(tokens, "create", "Make a token and print its secret, once", context), context);
  buildList(addSubcommand(tokens, "list", "List tokens, newest first", context), context);
  buildRevoke(addSubcommand(tokens, "revoke", "Refuse a token from now on, for good", context), context);
}

function buildCreate(command: Command, context: Context): void {
  type Options = {
    name: string;
    role?: string;
    permissions?: readonly string[];
    expires?: number;
    customer?: string;
    team?: string;
    user?: string;
    json?: boolean;
  };
  command
    .requiredOption("--name <name>", "What the audit trail calls its holder")
    .option("--role <role>", "admin, operator or viewer")
    .option("--permissions <list>", "Instead: keys:read,keys:write,teams:read …; * for all", parseNames)
    .option("--expires <duration>", "30d, 12h. Default: never", parseDuration)
    .option("--customer <customer>", "See this customer and what is below it alone, change what is below it")
    .option("--team <team>", "The same of a team")
    .option("--user <user>", "The same of a user")
    .option("--json", "Print the token and its secret as JSON")
    .action(async ({ name, role, permissions, expires, json, ...within }: Options) => {
      const body = {
        name,
        ...within,
        ...(role === undefined ? {} : { role }),
        ...(permissions === undefined ? {} : { permissions }),
        ...(expires === undefined ? {} : { expires_in_ms: expires }),
      } as CreateTokenRequest;
      const answer = await withClient(command, context, (client) =>
        client.call<TokenSecretAnswer>("POST", "/api/tokens", { body }),
      );
      if (json) return context.terminal.out(renderJson(answer));
      context.terminal.err(`Token "${answer.token.name}" (${answer.token.id}). Its secret is shown this once:\n`);
      context.terminal.out(`${answer.secret}\n`);
    });
}

function buildList(command: Command, context: Context): void {
  command
    .option("--search <text>", "Only those with this in their name or id")
    .option("--limit <count>", "So many at most, or all", parseRows, rowsDefault)
    .option("--json", "Print a JSON array")
    .action(async ({ json, limit, search }: { json?: boolean; search?: string; limit: number }) => {
      const found = await withClient(command, context, (client) =>
        readPages(client, "/api/tokens", limit, { search }, ({ tokens }: TokenListAnswer) => tokens),
      );
      const { terminal } = context;
      if (json) terminal.out(renderJson(found.rows));
      else if (found.rows.length > 0) terminal.out(renderTable(found.rows, columns, terminal));
      else terminal.err("There are no tokens. Make one with: bifrost tokens create --name <name> --role viewer\n");
      sayRest(found, context);
    });
}

function buildRevoke(command: Command, context: Context): void {
  command
    .argument("<token>", "id or name")
    .option("-y, --yes", "Do not ask")
    .option("--json", "Print JSON")
    .action(async (reference: string, { yes, json }: { yes?: boolean; json?: boolean }) => {
      await confirm(`Revoke token "${reference}" for good?`, yes, context);
      const { token } = await withClient(command, context, (client) =>
        client.call<TokenAnswer>("DELETE", `/api/tokens/${encodeURIComponent(reference)}`),
      );
      if (json) context.terminal.out(renderJson(token));
      else context.terminal.err(`Token "${token.name}" (${token.id}) is revoked.\n`);
    });
}
