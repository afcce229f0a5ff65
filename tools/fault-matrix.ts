/**
 * Plays the fault matrix and prints it: a table a client, a line a fault, a column an upstream and mode. Every cell says
 * pass, fail, why it means nothing, or that it did not run, which is a failure too. Exit 0 only when every cell passes.
 */
import { run } from "node:test";
import { fileURLToPath } from "node:url";
import { cellPattern, clients, faults, matrixVariable, meaningless, modes, noLines } from "../test/e2e/fault-cases.ts";
import { wires } from "../test/support/wire-frames.ts";

type Cell = { passed: number; failed: string[] };

process.env[matrixVariable] = "all";
const cells = new Map<string, Cell>();
const problems: string[] = [];

const stream = run({ files: [fileURLToPath(new URL("../test/e2e/fault-matrix.test.ts", import.meta.url))] });
stream.on("test:pass", ({ name, skip }) => note(name, skip === undefined ? undefined : "was skipped"));
stream.on("test:fail", ({ name, details }) => note(name, firstLine(details.error)));
stream.on("test:stderr", ({ message }) => process.stderr.write(message));
stream.on("end", report);
stream.resume();

function note(name: string, problem: string | undefined): void {
  const found = cellPattern.exec(name);
  if (found === null) {
    if (problem !== undefined && !/subtests? failed/.test(problem)) problems.push(`${name}: ${problem}`);
    return;
  }
  const [, fault, client, wire, mode, behaviour] = found;
  const key = `${fault} ${client} ${wire} ${mode}`;
  const cell = cells.get(key) ?? { passed: 0, failed: [] };
  if (problem === undefined) cell.passed += 1;
  else cell.failed.push(`${behaviour}: ${problem}`);
  cells.set(key, cell);
}

function report(): void {
  let bad = problems.length;
  const reasons = new Set<string>();
  for (const client of clients) {
    console.log(`\nclient ${client}, upstreams streamed and whole`);
    console.log(`${"".padEnd(6)}${wires.map((wire) => wire.padEnd(18)).join("")}`);
    for (const fault of faults) {
      const line = wires.flatMap((wire) =>
        modes.map((mode) => {
          const cell = cells.get(`${fault} ${client} ${wire} ${mode}`);
          const reason = meaningless[`${fault} ${mode}`];
          if (cell === undefined && reason !== undefined) {
            reasons.add(`${fault} ${mode}: ${reason}`);
            return "-";
          }
          if (cell !== undefined && cell.failed.length === 0) return `ok ${cell.passed}`;
          bad += 1;
          return cell === undefined ? "NONE" : `FAIL ${cell.failed.length}`;
        }),
      );
      console.log(`${fault.padEnd(6)}${line.map((text) => text.padEnd(9)).join("")}`);
    }
  }
  for (const reason of reasons) console.log(`\n-  ${reason}`);
  console.log(`\nF10 on a binary wire: ${noLines}`);
  for (const [key, { failed }] of cells) for (const problem of failed) console.log(`\nFAIL ${key} ${problem}`);
  for (const problem of problems) console.log(`\nFAIL ${problem}`);
  console.log(bad === 0 ? "\nevery cell passes" : `\n${bad} cells do not pass`);
  process.exitCode = bad === 0 ? 0 : 1;
}

function firstLine(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return String(cause instanceof Error ? cause.message : cause).split("\n")[0] ?? "";
}
