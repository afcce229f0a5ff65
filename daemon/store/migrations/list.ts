/** Which migrations make which file, oldest first. A literal list, so that a bundle holds it. */
import type { Migration } from "../migrate.ts";
import { initialState } from "./20261123-0700-state.ts";
import { initialTraffic } from "./20261123-0701-traffic.ts";
import { owners } from "./20261126-0030-owners.ts";
import { logStore } from "./20261126-0040-log-store.ts";
import { declared } from "./20261126-0110-declared.ts";
import { held } from "./20261126-1230-held.ts";
import { pairSums } from "./20261126-1250-pairs.ts";
import { templates } from "./20261126-1530-templates.ts";
import { ends } from "./20261126-1545-ends.ts";
import { nativeEnds } from "./20261126-1615-native-ends.ts";
import { ownConfig } from "./20261126-1630-own-config.ts";
import { unsummed } from "./20261126-1640-unsummed.ts";
import { untold } from "./20261126-2010-untold.ts";
import { batchCharges } from "./20261126-2015-batches.ts";
import { awaited } from "./20261127-0040-awaited.ts";
import { limitCounts } from "./20261127-0055-limit-counts.ts";
import { traces } from "./20261127-0805-traces.ts";
import { awaitedRows } from "./20261127-0815-awaited-rows.ts";
import { droppedParams } from "./20261127-0818-dropped-params.ts";

export const stateMigrations: readonly Migration[] = [
  initialState,
  owners,
  declared,
  templates,
  ownConfig,
  unsummed,
  batchCharges,
  limitCounts,
];
export const trafficMigrations: readonly Migration[] = [
  initialTraffic,
  logStore,
  held,
  pairSums,
  ends,
  nativeEnds,
  untold,
  awaited,
  traces,
  awaitedRows,
  droppedParams,
];

/** Names, for a file that a newer program may have written. */
export function knownMigrations(): { readonly state: readonly string[]; readonly traffic: readonly string[] } {
  const names = (list: readonly Migration[]): readonly string[] => list.map(({ name }) => name);
  return { state: names(stateMigrations), traffic: names(trafficMigrations) };
}
