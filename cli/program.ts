/**
 * The table of commands. Hides commander, and that a command's file is loaded only when the command is the one meant:
 * the rest stand in the table as a name and a line.
 */
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { type CommandEntry, type Context, prepare, type Surroundings } from "./command.ts";
import { exitCodeOf, exitCodes, renderFailure, renderJsonFailure, renderJsonMistake } from "./failure.ts";
import { checkPlace } from "./here-only.ts";
import { version } from "./version.ts";

/** Every command there is; the man page and completion are made of it. */
export const commands: readonly CommandEntry[] = [
  { name: "serve", summary: "Run the gateway", load: () => import("./commands/serve.ts") },
  { name: "status", summary: "Show what the daemon is doing", load: () => import("./commands/status.ts") },
  { name: "stop", summary: "Let running requests end, then stop the daemon", load: () => import("./commands/stop.ts") },
  {
    name: "restart",
    summary: "Start the program anew without refusing a request",
    load: () => import("./commands/restart.ts"),
  },
  { name: "reload", summary: "Read the config again", load: () => import("./commands/reload.ts") },
  { name: "tui", summary: "Watch and change everything on a screen", load: () => import("./commands/tui.ts") },
  { name: "demo", summary: "See it alive: made-up traffic and the screen", load: () => import("./commands/demo.ts") },
  { name: "keys", summary: "Make, show, change, rotate and revoke keys", load: () => import("./commands/keys.ts") },
  { name: "customers", summary: "Customers, above teams", load: () => import("./commands/customers.ts") },
  { name: "teams", summary: "Teams of keys and users", load: () => import("./commands/teams.ts") },
  { name: "users", summary: "Users of yours", load: () => import("./commands/users.ts") },
  { name: "end-users", summary: "End users of your programs", load: () => import("./commands/end-users.ts") },
  { name: "tags", summary: "Tags that requests carry", load: () => import("./commands/tags.ts") },
  { name: "limits", summary: "Limits by model and provider", load: () => import("./commands/limits.ts") },
  { name: "budgets", summary: "All budgets; overrides and resets", load: () => import("./commands/budgets.ts") },
  { name: "wallets", summary: "Prepaid wallets and their top-ups", load: () => import("./commands/wallets.ts") },
  { name: "tokens", summary: "Tokens for the admin API over TCP", load: () => import("./commands/tokens.ts") },
  { name: "logs", summary: "List requests, or follow them", load: () => import("./commands/logs.ts") },
  {
    name: "explain",
    summary: "Tell what happened to one request, and why",
    load: () => import("./commands/explain.ts"),
  },
  {
    name: "usage",
    summary: "Show what was used and paid, by key, team, model or provider",
    load: () => import("./commands/usage.ts"),
  },
  { name: "top", summary: "Watch who asks most just now", load: () => import("./commands/top.ts") },
  {
    name: "doctor",
    summary: "Look for what is wrong, and say what to do about it",
    load: () => import("./commands/doctor.ts"),
  },
  {
    name: "alerts",
    summary: "See what is watched and fires, and test channels",
    load: () => import("./commands/alerts.ts"),
  },
  { name: "audit", summary: "Verify or export the audit trail", load: () => import("./commands/audit.ts") },
  {
    name: "ledger",
    summary: "Check balances against what was settled, and price it anew",
    load: () => import("./commands/ledger.ts"),
  },
  {
    name: "reconcile",
    summary: "Compare a provider's export of costs with what was settled",
    load: () => import("./commands/reconcile.ts"),
  },
  { name: "config", summary: "Validate, compare and roll back the config", load: () => import("./commands/config.ts") },
  {
    name: "import",
    summary: "Make a config of another gateway's",
    load: () => import("./commands/import.ts"),
  },
  { name: "models", summary: "List models and their prices", load: () => import("./commands/models.ts") },
  { name: "providers", summary: "List providers, and how they are", load: () => import("./commands/providers.ts") },
  { name: "prices", summary: "Prices in place of the catalog's", load: () => import("./commands/prices.ts") },
  { name: "rules", summary: "Routing rules: make, show, change", load: () => import("./commands/rules.ts") },
  { name: "route", summary: "Tell where a request would go, and why", load: () => import("./commands/route.ts") },
  { name: "catalog", summary: "Import newer prices", load: () => import("./commands/catalog.ts") },
  { name: "egress", summary: "List every address that can be called", load: () => import("./commands/egress.ts") },
  { name: "backup", summary: "Copy the home into one file", load: () => import("./commands/backup.ts") },
  { name: "restore", summary: "Make a home from a backup", load: () => import("./commands/restore.ts") },
  {
    name: "bundle",
    summary: "Make, check and install the one file for hosts without the internet",
    load: () => import("./commands/bundle.ts"),
  },
  { name: "service", summary: "Install or remove the service", load: () => import("./commands/service.ts") },
  {
    name: "completion",
    summary: "Print a completion script for a shell",
    load: () => import("./commands/completion.ts"),
  },
];

export async function run(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  const { terminal } = surroundings;
  const debug = argv.includes("--debug");
  const asJson = argv.includes("--json");
  let exitCode: number = exitCodes.ok;
  const context: Context = {
    ...surroundings,
    commands,
    exitWith: (code) => {
      exitCode = code;
    },
    mistyped: (text) => terminal.err(asJson ? renderJsonMistake(text) : text),
  };
  try {
    const words = helpedWith(argv);
    const program = await buildProgram(words, context);
    await program.parseAsync(words, { from: "user" });
    return exitCode;
  } catch (error) {
    // Commander has already said what was wrong, unless the value was refused by a command of ours.
    if (error instanceof CommanderError && !(error instanceof InvalidArgumentError))
      return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    const code = error instanceof InvalidArgumentError ? exitCodes.usage : exitCodeOf(error);
    terminal.err(asJson ? renderJsonFailure(error, code, debug) : renderFailure(error, debug));
    return code;
  }
}

/** Help with what is no command: the mistake is told, as that of the command itself would be. */
function helpedWith(argv: readonly string[]): readonly string[] {
  const [first, second] = argv;
  const isMistake = first === "help" && second !== undefined && !commands.some(({ name }) => name === second);
  return isMistake ? argv.slice(1) : argv;
}

async function buildProgram(argv: readonly string[], context: Context): Promise<Command> {
  const program = describeProgram(prepare(new Command("bifrost"), context));
  program.hook("preAction", (_, meant) => checkPlace(meant));
  const meant = commandName(argv);
  for (const { name, summary, load } of commands) {
    const command = prepare(new Command(name), context).description(summary);
    if (name === meant || meant === "help") (await load()).build(command, context);
    program.addCommand(command);
  }
  return program;
}

/** Name, description and options that hold for every command. */
export function describeProgram(program: Command): Command {
  return program
    .description("A self-hosted AI gateway: every provider, exact budgets, a provable audit trail.")
    .usage("<command> [options]")
    .version(version, "-V, --version", "Print the version")
    .option("--home <directory>", "Where the daemon keeps its files (default: $BIFROST_HOME or ~/.local/share/bifrost)")
    .option("--url <address>", "Ask this admin API with $BIFROST_TOKEN (default: $BIFROST_URL)")
    .option("--debug", "Show the stack trace of a failure")
    .helpCommand("help [command]", "Show the help of a command")
    .addHelpText("after", "\nStart with: bifrost serve\nExit codes and every option: docs/cli.md");
}

/** The first word that is no option of the program's own. */
function commandName(argv: readonly string[]): string | undefined {
  for (let index = 0; index < argv.length; index += 1) {
    const word = argv[index]!;
    if (word === "--home" || word === "--url") index += 1;
    else if (!word.startsWith("-")) return word;
  }
  return undefined;
}
