/** `bifrost config …` */
import { resolve } from "node:path";
import type { Command } from "commander";
import type {
  ConfigDiffAnswer,
  ConfigHistoryAnswer,
  ConfigProblem,
  ConfigValidateAnswer,
  ConfigVersion,
} from "../../daemon/admin/contract/config.ts";
import type { ReloadAnswer } from "../../daemon/admin/contract/daemon.ts";
import { addSubcommand, type Context } from "../command.ts";
import { exitCodes } from "../failure.ts";
import { parseGeneration } from "../parse.ts";
import { readText } from "../read-text.ts";
import { type Column, renderJson, renderTable, renderTime } from "../render.ts";
import { confirm, remoteFrom, withClient } from "../session.ts";
import { printReload } from "./reload.ts";

const hashCharacters = 12;
const columns: readonly Column<ConfigVersion>[] = [
  { title: "GENERATION", cell: (version) => String(version.generation), align: "right" },
  { title: "SINCE", cell: (version) => renderTime(version.at_ms) },
  { title: "HASH", cell: (version) => version.hash.slice(0, hashCharacters) },
  { title: "ORIGIN", cell: (version) => version.origin },
  { title: "IN USE", cell: (version) => (version.active ? "yes" : "") },
];

export function build(config: Command, context: Context): void {
  buildValidate(addSubcommand(config, "validate", "Check a config without using it", context), context);
  buildSchema(addSubcommand(config, "schema", "Print the JSON Schema of the config file", context), context);
  buildDiff(addSubcommand(config, "diff", "Show what differs between two generations", context), context);
  buildHistory(addSubcommand(config, "history", "List generations that were in use", context), context);
  buildRollback(addSubcommand(config, "rollback", "Use an older generation again", context), context);
}

function buildValidate(command: Command, context: Context): void {
  command
    .argument("[file]", "default: the file that the daemon would load")
    .option("--json", "Print JSON")
    .action(async (file: string | undefined, { json }: { json?: boolean }) => {
      // A file named here lies here, also for a daemon elsewhere.
      const text = file !== undefined && remoteFrom(command, context) !== undefined ? await readText(file) : undefined;
      const body = text !== undefined ? { text } : file === undefined ? {} : { path: resolve(file) };
      const { answer, pid } = await withClient(command, context, async (client) => ({
        answer: await client.call<ConfigValidateAnswer>("POST", "/api/config/validate", { body }),
        pid: client.daemon?.pid,
      }));
      const { terminal } = context;
      const path = text === undefined ? answer.path : file!;
      if (json) terminal.out(renderJson({ ...answer, path }));
      else for (const problem of answer.problems) terminal.out(`${renderProblem(path, problem)}\n`);
      if (!json) for (const warning of answer.warnings) terminal.err(`warning: ${warning}\n`);
      // Whoever has the variable in this shell would look for the mistake in the file.
      if (!json && pid !== undefined && answer.problems.some(({ message }) => /^environment variable /.test(message)))
        terminal.err(`Variables are those of the running daemon (process ${pid}), not of this shell.\n`);
      if (!answer.ok) return context.exitWith(exitCodes.checkFailed);
      if (!json) terminal.err(`${path ?? "No config file: the environment"} is valid.\n`);
    });
}

function buildSchema(command: Command, context: Context): void {
  command.option("--json", "The same: it always is JSON").action(async () => {
    const schema = await withClient(command, context, (client) => client.call("GET", "/api/config/schema"));
    await context.terminal.outSlowly(renderJson(schema));
  });
}

function buildDiff(command: Command, context: Context): void {
  command
    .argument("[from]", "generation (default: the one in use)", parseGeneration)
    .argument("[to]", "generation (default: the file on disk)", parseGeneration)
    .option("--json", "Print JSON")
    .action(async (from: number | undefined, to: number | undefined, { json }: { json?: boolean }) => {
      const answer = await withClient(command, context, (client) =>
        client.call<ConfigDiffAnswer>("GET", "/api/config/diff", { query: { from, to } }),
      );
      const { terminal } = context;
      if (json) return terminal.out(renderJson(answer));
      if (answer.same) return terminal.err(`${answer.from} and ${answer.to} are the same.\n`);
      await terminal.outSlowly(answer.diff.endsWith("\n") ? answer.diff : `${answer.diff}\n`);
    });
}

function buildHistory(command: Command, context: Context): void {
  command.option("--json", "Print JSON").action(async ({ json }: { json?: boolean }) => {
    const { versions } = await withClient(command, context, (client) =>
      client.call<ConfigHistoryAnswer>("GET", "/api/config/history"),
    );
    const { terminal } = context;
    if (json) return terminal.out(renderJson(versions));
    if (versions.length > 0) return terminal.out(renderTable(versions, columns, terminal));
    terminal.err("No generation has been in use yet.\n");
  });
}

function buildRollback(command: Command, context: Context): void {
  command
    .argument("<generation>", "as in `bifrost config history`", parseGeneration)
    .option("-y, --yes", "Do not ask")
    .option("--json", "Print JSON")
    .action(async (generation: number, { yes, json }: { yes?: boolean; json?: boolean }) => {
      await confirm(`Use generation ${generation} in place of the present config?`, yes, context);
      const answer = await withClient(command, context, (client) =>
        client.call<ReloadAnswer>("POST", "/api/config/rollback", { body: { generation } }),
      );
      if (json) return context.terminal.out(renderJson(answer));
      printReload(answer, context);
    });
}

/** `config.yaml:12:5: providers.opena: …`, the form that editors jump to. */
function renderProblem(path: string | null, { line, column, field, message }: ConfigProblem): string {
  const place = [path ?? "config", line, column].filter((part) => part !== null).join(":");
  return field === null ? `${place}: ${message}` : `${place}: ${field}: ${message}`;
}
