/** The databases: their pages are whole, the audit chain holds, balances are the sums of their rows, and no log of writes has grown out of hand. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { AuditVerifyAnswer, LedgerCheckAnswer, StoreCheckAnswer } from "../../daemon/admin/contract/audit.ts";
import type { Client } from "../client.ts";
import { CliFailure, exitCodes } from "../failure.ts";
import { type Check, type Finding, good, note, problem, warning } from "./check.ts";

const walBytesMax = 256 * 1024 * 1024;

const restoring =
  "Put a backup in its place: bifrost restore <file> --replace. To begin anew instead, remove state.snapshot.";

export const store: Check = {
  name: "store",
  about: "every page is whole, the audit chain holds and every balance is the sum of its settlements",
  limitMs: 600_000,
  async run({ client, home, isRemote }) {
    if (!isRemote && !existsSync(join(home, "state.db")))
      return existsSync(join(home, "state.snapshot"))
        ? [problem("state.db is gone: this home had keys and balances", restoring)]
        : [note("there is no database yet", "The first bifrost serve makes it.")];
    if (client === undefined) return [note("not looked at: the home could not be opened")];
    const proved = Promise.all([
      client.call<AuditVerifyAnswer>("GET", "/api/audit/verify"),
      client.call<LedgerCheckAnswer>("GET", "/api/ledger/check"),
    ]);
    proved.catch(() => undefined);
    const findings = [...(await damaged(client))];
    // What a damaged file cannot answer says nothing more about it.
    if (
      findings.length > 0 &&
      !(await proved.then(
        () => true,
        () => false,
      ))
    )
      return findings;
    const [chain, ledger] = await proved;
    if (!chain.ok)
      findings.push(
        problem(
          `the audit chain breaks at record ${chain.problem?.record}: ${chain.problem?.message}`,
          "Keep a copy of the home as it is, then compare with a backup: docs/audit.md",
        ),
      );
    for (const each of ledger.problems)
      findings.push(
        problem(
          `${each.scope}: ${each.message}`,
          "Keep a copy of the home as it is: bifrost ledger check --json names the rows.",
        ),
      );
    const sums = `${chain.records} records, the chain holds; ${ledger.settlements} settlements add up`;
    if (isRemote) return findings.length > 0 ? findings : [good(sums)];
    for (const file of ["state.db", "traffic.db"]) {
      const bytes = sizeOf(join(home, `${file}-wal`));
      if (bytes > walBytesMax)
        findings.push(
          warning(
            `${file}-wal has grown to ${megabytes(bytes)} MB`,
            "Somebody reads the file without end: close what has it open, then bifrost restart",
          ),
        );
    }
    for (const file of readdirSync(home).filter((name) => name.startsWith("traffic.db.damaged-")))
      findings.push(
        warning(
          `a damaged request log was set aside: ${file}`,
          `Money and audit are not in it. When nobody wants to look into it: rm ${join(home, file)}`,
        ),
      );
    const size = megabytes(sizeOf(join(home, "state.db")) + sizeOf(join(home, "traffic.db")));
    return findings.length > 0 ? findings : [good(`${sums}; ${size} MB`)];
  },
};

async function damaged(client: Client): Promise<readonly Finding[]> {
  const { files } = await client.call<StoreCheckAnswer>("GET", "/api/store/check").catch((error: unknown) => {
    if (error instanceof CliFailure && error.exitCode === exitCodes.notFound) return { files: [] }; // an older daemon
    throw error;
  });
  return files.flatMap(({ file, faults: [first, ...more] }) =>
    first === undefined
      ? []
      : [problem(`${file} is damaged: ${first}${more.length === 0 ? "" : `, and ${more.length} more`}`, mending(file))],
  );
}

function mending(file: string): string {
  const copy = "Look after the disk, keep a copy of the home as it is, then";
  return file === "traffic.db"
    ? `${copy} stop the daemon, move traffic.db and what begins with its name away, and start it: money and audit are not in it.`
    : `${copy} put a backup in its place: bifrost restore <file> --replace.`;
}

function sizeOf(path: string): number {
  return existsSync(path) ? statSync(path).size : 0;
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e6);
}
