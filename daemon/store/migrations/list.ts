/** Which migrations make which file, oldest first. A literal list, so that a bundle holds it. */
import type { Migration } from "../migrate.ts";
import { initialState } from "./20261123-0700-state.ts";
import { initialTraffic } from "./20261123-0701-traffic.ts";
import { owners } from "./20261126-0030-owners.ts";

export const stateMigrations: readonly Migration[] = [initialState, owners];
export const trafficMigrations: readonly Migration[] = [initialTraffic];
