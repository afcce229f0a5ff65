/** A file that the person named, as text. Hides how what goes wrong is told. */
import { readFile } from "node:fs/promises";
import { CliFailure, codeOf, type ExitCode, exitCodes } from "./failure.ts";
import { systemReason } from "./next-step.ts";

export async function readText(path: string, exitCode: ExitCode = exitCodes.failure): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const why = systemReason(error) ?? (error instanceof Error ? error.message : String(error));
    const code = exitCode === exitCodes.failure && codeOf(error) === "ENOENT" ? exitCodes.notFound : exitCode;
    throw new CliFailure(`cannot read ${path}: ${why}`, code, undefined, error);
  }
}
