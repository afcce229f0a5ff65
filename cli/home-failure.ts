/** A home that cannot be used, in words that say what to do. Hides which of the system's codes mean what there. */
import { accessSync, constants } from "node:fs";
import { CliFailure, codeOf, exitCodes } from "./failure.ts";

/** Undefined: it is not the home that is wrong. */
export function homeFailure(home: string, error: unknown): CliFailure | undefined {
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : "";
  const words = code === "database_unavailable" && !mayWrite(home) ? notWritable : wordsOf(code, message);
  if (/\bdisk is full\b/.test(`${message} ${words}`)) {
    const room = "Make room there, or name another with --home <directory>.";
    return new CliFailure(`the home ${home} cannot be written: the disk is full`, exitCodes.failure, room, error);
  }
  if (words === undefined) {
    if (code !== "database_unavailable") return undefined;
    return new CliFailure(`${home}: ${message}`, exitCodes.failure, "What is wrong there: bifrost doctor", error);
  }
  const hint = "Name another with --home <directory>.";
  return new CliFailure(`the home ${home} ${words}`, exitCodes.failure, hint, error);
}

const notWritable = "may not be written by this user";

/** The database tells only that it could not open its file. */
function mayWrite(home: string): boolean {
  try {
    accessSync(home, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function wordsOf(code: string | undefined, message: string): string | undefined {
  switch (code) {
    case "EACCES":
      return message.includes("listen") ? undefined : notWritable;
    case "EEXIST":
    case "ENOTDIR":
      return "is not a folder";
    case "ENOENT":
    case "EPERM":
      return message.includes("mkdir") ? "cannot be made: nothing may be made there" : undefined;
    case "EROFS":
      return "is on a read-only file system";
    case "ENOSPC":
      return "disk is full";
    default:
      return undefined;
  }
}
