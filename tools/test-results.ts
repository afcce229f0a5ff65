/**
 * A reporter for node's test runner: one JSON line a test, for programs to read. Where files have a bound it ends those
 * that take longer, and each of them is one more line.
 */
import type { TestEvent } from "node:test/reporters";
import { fileMsMaxName, watchFiles } from "./test-watchdog.ts";

export type TestResult = {
  readonly name: string;
  readonly file: string | undefined;
  readonly outcome: "pass" | "fail" | "skip";
  /** Of a file that took too long: what it was at. */
  readonly ended?: string;
};

/** A reporter itself begins later than the first files do. */
const fileMsMax = process.env[fileMsMaxName];
const watchdog = fileMsMax === undefined ? undefined : watchFiles(Number(fileMsMax));

// biome-ignore lint/style/noDefaultExport: node's test runner takes a reporter by its default export.
export default async function* testResults(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of events) {
    watchdog?.see(event);
    if (event.type !== "test:pass" && event.type !== "test:fail") continue;
    const { name, file, skip, todo } = event.data;
    const skipped = (skip !== undefined && skip !== false) || (todo !== undefined && todo !== false);
    const result: TestResult = { name, file, outcome: event.type === "test:fail" ? "fail" : skipped ? "skip" : "pass" };
    yield lineOf(result);
  }
  for (const { name, path, at } of watchdog?.ended ?? [])
    yield lineOf({ name, file: path, outcome: "fail", ended: at });
}

function lineOf(result: TestResult): string {
  return `${JSON.stringify(result)}\n`;
}
