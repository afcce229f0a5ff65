/** The order in which one request's targets are tried, and how that order came about. */
import type { HedgeData } from "../config/routing-data.ts";
import type { AffinityKey, Binding } from "./affinity.ts";
import type { Issuer } from "./issuers.ts";
import type { Hop } from "./resolve.ts";

/** Why a target stands where it stands; kept for `explain` where there was a choice. */
export type Decision = {
  /** Names of the rules that decided. */
  readonly rules?: readonly string[] | undefined;
  readonly strategy?: string | undefined;
  readonly affinity?: string | undefined;
  /** Targets in order, then those that were left out, each with a word. */
  readonly considered: readonly { readonly target: string; readonly note?: string | undefined }[];
  /** How many of these stand in the order; the others were left out. */
  readonly ordered?: number | undefined;
};

export type Plan = {
  readonly hops: readonly Hop[];
  readonly onContext?: readonly Hop[] | undefined;
  readonly onPolicy?: readonly Hop[] | undefined;
  /** A credential that the caller has named: no other is used. */
  readonly credential?: string | undefined;
  /** Credentials that the caller's key may use, by provider; a provider that is absent has no such list. */
  readonly allowed?: ReadonlyMap<string, readonly string[]> | undefined;
  /** Where the conversation was last. */
  readonly binding?: Binding | undefined;
  /** Who made the proofs of thinking that it carries: whoever else is asked does not get them. */
  readonly issuer?: Issuer | undefined;
  /** What the conversation is called, to remember where it was answered. */
  readonly bind?: { readonly key: AffinityKey; readonly ttlMs: number } | undefined;
  /** Retries at each target that the caller asks for, in place of the config's. */
  readonly retries?: number | undefined;
  /** When a second target is asked as well; undefined: never. */
  readonly hedge?: HedgeData | undefined;
  /** What the model's name asks for and nothing here does, as it is reported. */
  readonly unhonoured?: string | undefined;
  /** Targets that would drop a parameter are passed over. */
  readonly strict?: boolean | undefined;
  /** Names of targets whose order leaves nothing to choose, as JSON for their log rows; undefined: there is but one. */
  readonly order?: string | undefined;
  /** Worked out when it is told: most decisions nobody asks about. */
  readonly decision?: (() => Decision) | undefined;
};
