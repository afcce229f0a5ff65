/** A reporter for node's test runner: one JSON line a test, for programs to read. */
import type { TestEvent } from "node:test/reporters";

export type TestResult = {
  readonly name: string;
  readonly file: string | undefined;
  readonly outcome: "pass" | "fail" | "skip";
};

// biome-ignore lint/style/noDefaultExport: node's test runner takes a reporter by its default export.
export default async function* testResults(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of events) {
    if (event.type !== "test:pass" && event.type !== "test:fail") continue;
    const { name, file, skip, todo } = event.data;
    const skipped = (skip !== undefined && skip !== false) || (todo !== undefined && todo !== false);
    const result: TestResult = { name, file, outcome: event.type === "test:fail" ? "fail" : skipped ? "skip" : "pass" };
    yield `${JSON.stringify(result)}\n`;
  }
}
