/** `bifrost logs --export`: every row that matches, as lines. Hides that words are matched here, and CSV made of what is left. */
import type { Command } from "commander";
import type { LogRow } from "../daemon/admin/contract/logs.ts";
import type { Context } from "./command.ts";
import { CliFailure, exitCodes } from "./failure.ts";
import { csvColumns, csvLine } from "./log-csv.ts";
import type { LogFilterQuery } from "./log-options.ts";
import { startProgress } from "./progress.ts";
import { withClient } from "./session.ts";

type Wanted = {
  readonly follow?: boolean;
  readonly export?: "jsonl" | "csv";
  readonly limit?: number;
};

export async function exportLog(
  command: Command,
  context: Context,
  { follow, export: format, limit = Number.POSITIVE_INFINITY }: Wanted,
  query: LogFilterQuery,
  filter: { readonly matches: (row: LogRow) => boolean; readonly isOpen: boolean },
): Promise<void> {
  const { terminal } = context;
  if (follow) throw new CliFailure("--export does not follow: it has an end", exitCodes.usage);
  await withClient(command, context, async (client) => {
    const wanted = Number.isFinite(limit) ? limit : undefined;
    // The progress of a file that is written; on a terminal the lines themselves are to be seen.
    const seen = { ...terminal, errIsTerminal: terminal.errIsTerminal && !terminal.outIsTerminal };
    const progress = startProgress("rows", wanted, seen);
    if (format === "csv") await terminal.outSlowly(`${csvColumns.join(",")}\r\n`);
    let left = limit;
    // With words every row must be seen before it is known how many there are.
    const asked = { ...query, format: "jsonl", limit: filter.isOpen ? undefined : wanted };
    for await (const line of client.lines("/api/logs/export", { query: asked })) {
      if (left <= 0) break;
      if (line === "") continue;
      const row = filter.isOpen || format === "csv" ? (JSON.parse(line) as LogRow) : undefined;
      if (row !== undefined && !filter.matches(row)) continue;
      await terminal.outSlowly(format === "csv" ? `${csvLine(row!)}\r\n` : `${line}\n`);
      progress.add(1);
      left -= 1;
    }
    progress.end();
  });
}
