/** `bifrost import …`: another gateway's config, and what became of it. */
import { writeFile } from "node:fs/promises";
import { basename, resolve } from "node:path";
import type { Command } from "commander";
import type { Importers } from "../../daemon/admin/contract/calling.ts";
import type { AdoptKeysAnswer } from "../../daemon/admin/contract/keys.ts";
import { type Client, Refusal } from "../client.ts";
import { addSubcommand, type Context } from "../command.ts";
import { CliFailure, codeOf, exitCodes } from "../failure.ts";
import { startProgress } from "../progress.ts";
import { readText } from "../read-text.ts";
import { renderJson } from "../render.ts";
import { withClient } from "../session.ts";

type Imported = ReturnType<Importers["litellm"]>;
type WithKeys = ReturnType<Importers["litellmWithKeys"]>;
type Step = WithKeys["steps"][number];
type Options = { readonly out?: string; readonly json?: boolean; readonly dryRun?: boolean };
type KeysOptions = Options & { readonly keys?: readonly string[] };

const keysPath = "/api/import/keys";
const batchMax = 100;
const sources: readonly (readonly ["litellm" | "bifrost" | "portkey", string, string])[] = [
  ["litellm", "LiteLLM's config.yaml", "config.yaml of LiteLLM's proxy"],
  ["bifrost", "the Go gateway Bifrost's config.json", "config.json of the gateway of that name"],
  ["portkey", "Portkey's config object", "JSON of a config"],
];

export function build(command: Command, context: Context): void {
  for (const [name, what, file] of sources) {
    const made = addSubcommand(command, name, `Make a config of ${what}`, context)
      .argument("<file>", file)
      .option("--out <file>", "Write the config here (default: to standard output)")
      .option("--json", "Print config and report as JSON");
    if (name === "litellm") {
      made
        .option("--keys <file>", "Also take over keys, teams, users and budgets exported from its database", collect)
        .option("--dry-run", "Only tell what would be taken over, and write nothing");
    }
    made.action(async (path: string, options: KeysOptions) => {
      const importers = await context.loadDaemon().then((daemon) => daemon.openImporters());
      const text = await readText(path);
      const { keys } = options;
      if (keys === undefined) {
        const imported = await explained(path, () => importers.accepted(importers[name](text, context.environment)));
        await writeOut(imported, options);
        return tell(imported, options, context);
      }
      const files = await Promise.all(keys.map(async (each) => ({ name: basename(each), text: await readText(each) })));
      const now = Date.now();
      const read = () => importers.accepted(importers.litellmWithKeys(text, context.environment, files, now));
      await takeOver(await explained([path, ...keys].join(", "), read), options, made, context);
    });
  }
}

function collect(file: string, before: readonly string[] = []): readonly string[] {
  return [...before, file];
}

/** Owners and keys are made one after the other; what is there already stays as it is. */
async function takeOver(imported: WithKeys, options: KeysOptions, command: Command, context: Context): Promise<void> {
  const { steps, ...rest } = imported;
  // Before anything is made: a name that is taken must not be noticed after.
  await writeOut(imported, options);
  const present: Step[] = [];
  if (!options.dryRun && steps.length > 0)
    await withClient(command, context, async (client) => {
      const progress = startProgress("keys and owners", steps.length, context.terminal);
      try {
        for (const batch of batches(steps)) {
          present.push(...(await makeAll(client, batch)));
          progress.add(batch.length);
        }
      } finally {
        progress.end();
      }
    });
  const there = present.map(({ line, setting, what }) => {
    return { outcome: "dropped" as const, line, setting, message: `${what} is there already`, security: false };
  });
  await tell({ ...rest, report: [...rest.report, ...there] }, options, context);
  const made = steps.length - present.length;
  const word = options.dryRun ? "would be taken over" : "taken over";
  context.terminal.err(`${made} of ${steps.length} keys and owners ${word}.\n`);
}

/** Keys come in batches: one wait for the disk each. */
function* batches(steps: readonly Step[]): Generator<readonly Step[]> {
  for (let at = 0; at < steps.length; ) {
    const { path } = steps[at]!;
    let end = at + 1;
    while (path === keysPath && end < steps.length && end - at < batchMax && steps[end]!.path === path) end += 1;
    yield steps.slice(at, end);
    at = end;
  }
}

/** Those that are there already. Where a batch is refused, its keys are made one by one: each is told what is wrong with it. */
async function makeAll(client: Client, steps: readonly Step[]): Promise<readonly Step[]> {
  if (steps.length > 1) {
    try {
      const body = { keys: steps.map((step) => step.body) };
      const { present } = await client.call<AdoptKeysAnswer>("POST", `${keysPath}/batch`, { body });
      const known = new Set(present);
      return steps.filter((step) => known.has(step.body["name"] as string));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
  }
  const present: Step[] = [];
  for (const step of steps) if (!(await make(client, step))) present.push(step);
  return present;
}

/** False: it is there already. */
async function make(client: Client, { path, body, what }: Step): Promise<boolean> {
  try {
    await client.call("POST", path, { body });
    return true;
  } catch (error) {
    if (error instanceof Refusal && error.status === 409) return false;
    throw new CliFailure(
      `${what}: ${(error as Error).message}`,
      exitCodes.failure,
      "What came before it is taken over; run the same again when it is mended.",
      error,
    );
  }
}

async function explained<Result>(path: string, read: () => Promise<Result>): Promise<Result> {
  try {
    return await read();
  } catch (error) {
    throw new CliFailure(`${path}: ${(error as Error).message}`, exitCodes.failure, undefined, error);
  }
}

async function tell(imported: Imported, { out, json, dryRun }: Options, context: Context): Promise<void> {
  const { terminal } = context;
  if (json) await terminal.outSlowly(renderJson(imported));
  else {
    if (out === undefined) await terminal.outSlowly(imported.config);
    terminal.err(renderReport(imported));
    if (out !== undefined && !dryRun)
      terminal.err(`\nWritten to ${out}. Check it with: bifrost config validate ${out}\n`);
  }
  if (imported.report.some(({ security }) => security)) context.exitWith(exitCodes.checkFailed);
}

async function writeOut({ config }: Imported, { out, dryRun }: Options): Promise<void> {
  if (out !== undefined && !dryRun) await writeNew(resolve(out), config);
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
