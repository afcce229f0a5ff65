/** `bifrost doctor`: every check, what it found, and what to do about it. Hides whether a daemon runs. */
import { existsSync } from "node:fs";
import type { Command } from "commander";
import type { StatusAnswer } from "../../daemon/admin/contract/daemon.ts";
import { type Client, openClient, openRemote } from "../client.ts";
import type { Context } from "../command.ts";
import { type Checked, examine, type Level } from "../doctor/check.ts";
import { checks } from "../doctor/checks.ts";
import { exitCodes } from "../failure.ts";
import { startProgress } from "../progress.ts";
import { renderJson } from "../render.ts";
import { homeFrom, remoteFrom } from "../session.ts";
import { plain } from "../text.ts";
import { version } from "../version.ts";

const marks: Readonly<Record<Level, string>> = { good: "✓", note: "·", warning: "▲", problem: "✗" };
const colors: Readonly<Record<Level, number>> = { good: 32, note: 90, warning: 33, problem: 31 };

export function build(command: Command, context: Context): void {
  command
    .option("--offline", "Dial nothing beyond this machine")
    .option("--json", "Print JSON")
    .action(async ({ offline = false, json }: { offline?: boolean; json?: boolean }) => {
      const home = homeFrom(command, context);
      const remote = remoteFrom(command, context);
      const isRemote = remote !== undefined;
      const { client, failure }: Opened = isRemote ? { client: openRemote(remote) } : await open(home, context);
      const wanted = checks.filter(({ isLocal }) => !isRemote || !isLocal);
      try {
        const status =
          client?.daemon === undefined && !isRemote
            ? undefined
            : await client!.call<StatusAnswer>("GET", "/api/status");
        const patient = {
          home,
          client,
          openFailure: failure,
          status,
          offline,
          isRemote,
          environment: context.environment,
          version,
          now: Date.now,
        };
        const progress = startProgress("checks", wanted.length, context.terminal);
        const found = await examine(wanted, patient, () => progress.add(1));
        progress.end();
        report(found, json === true, context);
      } finally {
        await client?.close();
      }
    });
}

type Opened = { readonly client?: Client; readonly failure?: string };

/** A home that cannot be opened is a finding like others. */
async function open(home: string, context: Context): Promise<Opened> {
  // To open a home that is not there would make it.
  if (!existsSync(home)) return {};
  try {
    return { client: await openClient(home, context.loadDaemon) };
  } catch (error) {
    return { failure: error instanceof Error ? error.message : String(error) };
  }
}

function report(found: readonly Checked[], json: boolean, context: Context): void {
  const { terminal } = context;
  const all = found.flatMap(({ findings }) => findings);
  const counted = (level: Level) => all.filter((each) => each.level === level).length;
  const ok = counted("problem") === 0;
  if (json) terminal.out(renderJson({ ok, problems: counted("problem"), warnings: counted("warning"), checks: found }));
  else {
    for (const { check, findings } of found)
      for (const [index, { level, message, remedy }] of findings.entries()) {
        const mark = terminal.hasColor ? `\u001b[${colors[level]}m${marks[level]}\u001b[39m` : marks[level];
        terminal.out(`${mark} ${(index === 0 ? check : "").padEnd(10)} ${plain(message)}\n`);
        if (remedy !== undefined) terminal.out(`  ${" ".repeat(10)} → ${plain(remedy)}\n`);
      }
    terminal.err(
      `\n${ok ? "No problems" : `${counted("problem")} problem${counted("problem") === 1 ? "" : "s"}`}, ${counted("warning")} warning${counted("warning") === 1 ? "" : "s"}.\n`,
    );
  }
  if (!ok) context.exitWith(exitCodes.checkFailed);
}
