/** `bifrost import …`: another gateway's config, and what became of it. */
import { readFile, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import type { Importers } from "../../daemon/admin/contract/calling.ts";
import { addSubcommand, type Context } from "../command.ts";
import { CliFailure, codeOf, exitCodes } from "../failure.ts";
import { renderJson } from "../render.ts";

type Imported = ReturnType<Importers["litellm"]>;
type Options = { readonly out?: string; readonly json?: boolean };

const sources: readonly (readonly [keyof Importers, string, string])[] = [
  ["litellm", "LiteLLM's config.yaml", "config.yaml of LiteLLM's proxy"],
  ["bifrost", "the Go gateway Bifrost's config.json", "config.json of the gateway of that name"],
  ["portkey", "Portkey's config object", "JSON of a config"],
];

export function build(command: Command, context: Context): void {
  for (const [name, what, file] of sources) {
    addSubcommand(command, name, `Make a config of ${what}`, context)
      .argument("<file>", file)
      .option("--out <file>", "Write the config here (default: to standard output)")
      .option("--json", "Print config and report as JSON")
      .action(async (path: string, options: Options) => {
        const importer = (await context.loadDaemon().then((daemon) => daemon.openImporters()))[name];
        const text = await readText(path);
        await tell(
          explained(path, () => importer(text, context.environment)),
          options,
          context,
        );
      });
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new CliFailure(`cannot read ${path}: ${(error as Error).message}`, exitCodes.failure, undefined, error);
  }
}

function explained(path: string, read: () => Imported): Imported {
  try {
    return read();
  } catch (error) {
    throw new CliFailure(`${path}: ${(error as Error).message}`, exitCodes.failure, undefined, error);
  }
}

async function tell(imported: Imported, { out, json }: Options, context: Context): Promise<void> {
  const { terminal } = context;
  if (out !== undefined) await writeNew(resolve(out), imported.config);
  if (json) await terminal.outSlowly(renderJson(imported));
  else {
    if (out === undefined) await terminal.outSlowly(imported.config);
    terminal.err(renderReport(imported));
    if (out !== undefined) terminal.err(`\nWritten to ${out}. Check it with: bifrost config validate ${out}\n`);
  }
  if (imported.report.some(({ security }) => security)) context.exitWith(exitCodes.checkFailed);
}

/** What stands there already is somebody's. */
async function writeNew(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { flag: "wx" });
  } catch (error) {
    if (codeOf(error) === "EEXIST")
      throw new CliFailure(`${file} exists already`, exitCodes.usage, "Give another name.");
    throw error;
  }
}

/** A line a setting, as editors jump to: `12: general_settings.allowed_ips: …`. */
function renderReport({ report, variables }: Imported): string {
  const parts = (["kept", "approximated", "dropped"] as const).flatMap((outcome) => {
    const lines = report.filter((line) => line.outcome === outcome);
    if (lines.length === 0) return [];
    const shown = lines.map(
      ({ line, setting, message, security }) => `  ${line}: ${setting}: ${message}${security ? " (security)" : ""}\n`,
    );
    return [`${outcome}, ${lines.length}:\n${shown.join("")}`];
  });
  const lost = report.filter(({ security }) => security).length;
  if (variables.length > 0) {
    const shown = variables.map(
      ({ name, setting, written }) => `  ${name}: ${written ? "the secret written out at" : "as in"} ${setting}\n`,
    );
    parts.push(`variables to set where the daemon runs:\n${shown.join("")}`);
  }
  if (lost > 0)
    parts.push(
      `${lost} ${lost === 1 ? "setting that protected something is" : "settings that protected something are"} gone: see (security) above.\n`,
    );
  return parts.join("");
}
