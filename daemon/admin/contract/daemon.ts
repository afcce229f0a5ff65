/** The daemon itself: its state, its providers, reload and stop. */
import type { ProviderHealth } from "./routing.ts";

export type ProviderView = {
  readonly name: string;
  readonly host: string;
  readonly dialect: string;
  readonly base_url: string;
  /** Names of the credentials, never the secrets. */
  readonly credentials: readonly string[];
  readonly models: readonly string[];
  readonly any_model: boolean;
  readonly free: boolean;
  readonly proxy: string | null;
  /** Absent without a daemon: nobody asks them then. */
  readonly health?: ProviderHealth | undefined;
};
export type ProvidersAnswer = { readonly providers: readonly ProviderView[] };

export type WorkerView = {
  readonly id: number;
  readonly requests_in_flight: number;
  readonly requests_total: number;
};

export type StatusAnswer = {
  readonly version: string;
  readonly pid: number;
  readonly state: "starting" | "serving" | "draining";
  /** Where the inference API listens. */
  readonly url: string;
  readonly home: string;
  readonly started_at_ms: number;
  readonly config: {
    /** The file, or null: none was found and the environment decides. */
    readonly path: string | null;
    readonly generation: number;
    readonly hash: string;
    readonly loaded_at_ms: number;
    /** Why the file now on disk is not the one that runs. */
    readonly error: string | null;
  };
  readonly workers: readonly WorkerView[];
  readonly providers: readonly string[];
  readonly keys: number;
  readonly memory_rss_bytes: number | null;
  readonly ledger: { readonly commit_lag_ms: number | null; readonly holds_open: number | null };
  readonly warnings: readonly string[];
};

export type ReloadAnswer = {
  readonly generation: number;
  readonly hash: string;
  readonly changed: boolean;
  readonly warnings: readonly string[];
};

/** How long running requests may take to end; absent: `server.drain`. */
export type StopRequest = { readonly drain_ms?: number | undefined };
/** `take_back`: the successor is an older version, and may undo what newer ones did to the schema. */
export type RestartRequest = StopRequest & { readonly take_back?: boolean | undefined };
export type StopAnswer = { readonly pid: number; readonly requests_in_flight: number; readonly deadline_at_ms: number };
