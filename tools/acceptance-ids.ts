/** Which behaviours are listed, which a test's name claims, and what its outcomes make of them. */
import type { TestResult } from "./test-results.ts";

export type Verdict = "pass" | "fail" | "none";

const id = /[A-Z]\d{1,3}/;

/** Ids in the first column of the tables of `docs/acceptance.md`, in order. */
export function listedIds(markdown: string): readonly string[] {
  return [...markdown.matchAll(new RegExp(`^\\| (${id.source}) \\|`, "gm"))].map(([, listed]) => listed!);
}

/** The files in the last column of an id's row, from the root. */
export function testFilesOf(markdown: string, wanted: string): readonly string[] {
  const row = markdown.split("\n").find((line) => line.startsWith(`| ${wanted} |`)) ?? "";
  const cell = row.split("|").at(-2) ?? "";
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, file]) => `test/${file}`);
}

/** The ids at the start of a test's name: `A1 admit() …`, `A1, A11 admit() …`. */
export function idsOf(testName: string): readonly string[] {
  const head = new RegExp(`^${id.source}(?:(?:, ?| )${id.source})*(?= |$)`).exec(testName)?.[0];
  return head === undefined ? [] : head.split(/, ?| /);
}

/** An id is met when it has a test that passed and none that failed; a skipped test proves nothing. */
export function verdictsOf(outcomes: readonly { id: string; outcome: TestResult["outcome"] }[]): Map<string, Verdict> {
  const verdicts = new Map<string, Verdict>();
  for (const { id, outcome } of outcomes) {
    const before = verdicts.get(id) ?? "none";
    if (outcome === "fail" || before === "fail") verdicts.set(id, "fail");
    else verdicts.set(id, outcome === "pass" ? "pass" : before);
  }
  return verdicts;
}
