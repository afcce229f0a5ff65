/**
 * A consistent copy of a database that is in use. Hides SQLite's backup, which goes on while others write, and the check
 * that the copy is whole.
 */
import { chmodSync, closeSync, fsyncSync, openSync, rmSync } from "node:fs";
import { GatewayError } from "../../providers/gateway-error.ts";
import { openDatabase } from "../store/database.ts";

/** Pages in one step; between two of them the event loop turns. */
const pagesPerStep = 2_000;

export async function copyDatabase(from: string, to: string, progress?: (part: number) => void): Promise<void> {
  rmSync(to, { force: true });
  const source = openDatabase(from, { readonly: true, busyMs: 5_000 });
  try {
    await source.backup(to, {
      progress: ({ totalPages, remainingPages }) => {
        progress?.(totalPages === 0 ? 1 : 1 - remainingPages / totalPages);
        return pagesPerStep;
      },
    });
  } finally {
    source.close();
  }
  chmodSync(to, 0o600);
  checkDatabase(to);
  const descriptor = openSync(to, "r");
  fsyncSync(descriptor);
  closeSync(descriptor);
}

/** Throws `database_unavailable` where the file is not whole. Leaves nothing beside it. */
export function checkDatabase(file: string): void {
  const database = openDatabase(file);
  try {
    database.pragma("journal_mode = DELETE"); // one file, without a log beside it
    const [first] = database.pragma("integrity_check(1)", { simple: false }) as { integrity_check: string }[];
    if (first?.integrity_check === "ok") return;
    throw new GatewayError("database_unavailable", `${file} is damaged: ${first?.integrity_check ?? "no answer"}`, {
      source: "gateway",
    });
  } finally {
    database.close();
  }
}
