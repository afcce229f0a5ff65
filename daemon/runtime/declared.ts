/** What the config file declares, put into the database and the shared tables: at a start on the file itself, later through the writer. */
import { idPrefixes } from "../admin/services/owner-rows.ts";
import type { GovernanceData } from "../config/governance-data.ts";
import type { ScopeKind } from "../governance/definitions.ts";
import type { CommandResult } from "../store/commands/command.ts";
import type { Database } from "../store/database.ts";
import { declare, declareActor } from "../store/declare.ts";
import type { StateWriter } from "../store/state-writer.ts";
import { newPublicId } from "./public-id.ts";
import type { SharedMemory } from "./shared-memory.ts";
import type { StoreThreads } from "./store-threads.ts";

const publicId = (kind: ScopeKind): string => newPublicId(idPrefixes[kind]);

/** Before the tables are filled: what it changes is read with all the rest. */
export function declareAtStart(data: GovernanceData | undefined): (writer: StateWriter) => void {
  return (writer) => {
    const steps = declare(data, { database: () => writer.database, publicId });
    let step = steps.next();
    while (!step.done) step = steps.next(writer.execute(step.value, declareActor));
  };
}

/** Visible to every worker, change by change, when it resolves. */
export async function declareNow(
  data: GovernanceData | undefined,
  database: () => Database,
  store: StoreThreads,
  memory: SharedMemory,
): Promise<void> {
  const steps = declare(data, { database, publicId });
  let step = steps.next();
  while (!step.done) {
    const result: CommandResult = await store.commands.execute(step.value, declareActor);
    const { key, hashes, scopes } = result;
    if (key !== undefined) memory.put({ key, hashes, scopes });
    memory.apply({ ...result, scopes: key === undefined ? scopes : [] });
    step = steps.next(result);
  }
}
