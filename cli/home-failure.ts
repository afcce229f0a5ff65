/** A home that cannot be used, in words that say what to do. Hides which of the system's codes mean what there. */
import { CliFailure, codeOf, exitCodes } from "./failure.ts";

/** Undefined: it is not the home that is wrong. */
export function homeFailure(home: string, error: unknown): CliFailure | undefined {
  const words = wordsOf(codeOf(error), error instanceof Error ? error.message : "");
  if (words === undefined) return undefined;
  const hint = "Name another with --home <directory>.";
  return new CliFailure(`the home ${home} ${words}`, exitCodes.failure, hint, error);
}

function wordsOf(code: string | undefined, message: string): string | undefined {
  switch (code) {
    case "EACCES":
      return message.includes("listen") ? undefined : "may not be written by this user";
    case "EEXIST":
    case "ENOTDIR":
      return "is not a folder";
    case "ENOENT":
    case "EPERM":
      return message.includes("mkdir") ? "cannot be made: nothing may be made there" : undefined;
    case "EROFS":
      return "is on a read-only file system";
    case "ENOSPC":
      return "cannot be written: the disk is full";
    default:
      return undefined;
  }
}
