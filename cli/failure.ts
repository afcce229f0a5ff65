/** How a command fails: words, what to do next, and a documented exit code. Hides stack traces unless asked for them. */

import { systemFailure } from "./next-step.ts";

/** `docs/cli.md` has a row for each; a test holds the two equal. */
export const exitCodes = {
  ok: 0,
  failure: 1,
  usage: 2,
  notFound: 3,
  notRunning: 4,
  taken: 5,
  checkFailed: 6,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export class CliFailure extends Error {
  override readonly name = "CliFailure";
  readonly exitCode: ExitCode;
  /** What to do next, on a line of its own. */
  readonly hint: string | undefined;

  constructor(message: string, exitCode: ExitCode = exitCodes.failure, hint?: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.exitCode = exitCode;
    this.hint = hint;
  }
}

export function exitCodeOf(error: unknown): ExitCode {
  return error instanceof CliFailure ? error.exitCode : exitCodes.failure;
}

export function renderFailure(error: unknown, debug: boolean): string {
  if (debug && error instanceof Error) return `${traceOf(error)}\n`;
  const hint = error instanceof CliFailure && error.hint !== undefined ? `${error.hint}\n` : "";
  return `error: ${wordsOf(error)}\n${hint}`;
}

/** With `--json`: `{"error": {"message", "hint", "exit_code"}}`, and its trace where that is asked for. */
export function renderJsonFailure(error: unknown, code: ExitCode, debug: boolean): string {
  const hint = error instanceof CliFailure ? (error.hint ?? null) : null;
  const trace = debug && error instanceof Error ? { trace: traceOf(error) } : {};
  return jsonFailure({ message: wordsOf(error), hint, exit_code: code, ...trace });
}

/** The same of a command that was typed wrongly: `error: words`, then what to do, on a line each. */
export function renderJsonMistake(text: string): string {
  const [message = "", ...more] = text.trimEnd().split("\n");
  const hint = more.length === 0 ? null : more.join("\n");
  return jsonFailure({ message: message.replace(/^error: /, ""), hint, exit_code: exitCodes.usage });
}

function jsonFailure(error: object): string {
  return `${JSON.stringify({ error })}\n`;
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? (systemFailure(error) ?? error.message) : String(error);
}

function traceOf(error: Error): string {
  const trace = error.stack ?? error.message;
  return error.cause instanceof Error ? `${trace}\ncaused by ${traceOf(error.cause)}` : trace;
}

/** `code` of whatever was thrown: a GatewayError's, a system call's. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
