/** What the main thread and a data-plane worker say to each other. */
import type { MessagePort } from "node:worker_threads";
import type { GenerationData } from "../config/generation.ts";
import type { FromCredentials } from "../credentials/thread.ts";
import type { NameKind } from "../governance/names.ts";
import type { SharedTables } from "../governance/tables.ts";
import type {
  CorrectAnswer,
  ManageAnswer,
  ManageRequest,
  OwnRequestAnswer,
  OwnRequestQuestion,
} from "../pipeline/plane.ts";
import type { SharedRouting } from "../routing/routing.ts";
import type { Correction } from "../store/commands/correct.ts";
import type { Tapped, TapSettings } from "../telemetry/tap.ts";

export type WorkerData = {
  /** Owner number in the shared tables, from 1. */
  readonly worker: number;
  /** Never used before in this home: boot count × `sendersPerBoot` + number of the start. */
  readonly sender: number;
  readonly tables: SharedTables;
  readonly routing: SharedRouting;
  /** Writers' words; see `writer-status`. */
  readonly status: Int32Array;
  /** This worker's words; see `workerWord`. */
  readonly words: Int32Array;
  /** And its histogram of stages. */
  readonly stages: Float64Array;
  readonly generation: GenerationData;
  /** Some list of models holds an expression. */
  readonly patterns: boolean;
  /** What is known of the clouds' credentials so far. */
  readonly credentials: readonly FromCredentials[];
  readonly statePort: MessagePort;
  readonly trafficPort: MessagePort;
  /** Also to the traffic writer: what was said goes apart from the rows. */
  readonly contentPort: MessagePort;
  /** Several workers share the port. */
  readonly reusePort: boolean;
  /** File of the responses that are kept. */
  readonly responsesFile: string;
  readonly listen: { readonly host: string; readonly port: number };
  /** Listening descriptors of a predecessor, in place of a new one. */
  readonly fds: readonly number[];
};

/** More than workers can be started in one run of the daemon; the main thread itself sends as number 0. */
export const sendersPerBoot = 1_000_000;

/** Words of one worker in shared memory, written by it and read by the main thread. */
/** `tap` is written by the main thread: not 0 while somebody wants rows as requests end. */
export const workerWord = { inFlight: 0, total: 1, errors: 2, tap: 3, contentDropped: 4 } as const;
export const wordsPerWorker = 16;

export type ToWorker =
  /** The answer to `name`: a scope, 0 for none, or why it cannot be told. */
  | { readonly type: "named"; readonly id: number; readonly scope?: number; readonly failed?: string }
  /** The answer to `manage`. */
  | { readonly type: "managed"; readonly id: number; readonly answer: ManageAnswer }
  | { readonly type: "own_request"; readonly id: number; readonly answer: OwnRequestAnswer }
  /** The answer to `correct`. */
  | { readonly type: "corrected"; readonly id: number; readonly answer: CorrectAnswer }
  | { readonly type: "generation"; readonly data: GenerationData }
  /** All workers have built it: use it from now on. */
  | { readonly type: "switch"; readonly number: number }
  | { readonly type: "credential"; readonly told: FromCredentials }
  /** Lists of models with expressions are about to be seen: answer `patterns_known` once they can be read. */
  | { readonly type: "know_patterns" }
  /** A successor gets ready: note which connections are in use. */
  | { readonly type: "prepare_leaving" }
  /** It could not. */
  | { readonly type: "stay" }
  /** `leaving`: a successor has the listening descriptors, so nothing is refused. */
  | { readonly type: "drain"; readonly deadlineMs: number; readonly leaving: boolean }
  | { readonly type: "tap"; readonly settings: TapSettings }
  /** A `Tapped` was taken. */
  | { readonly type: "tap_taken" }
  | { readonly type: "writer"; readonly writer: "state" | "traffic" | "content"; readonly port: MessagePort };

export type FromWorker =
  /** Which scope is this end user's or tag's? */
  | { readonly type: "name"; readonly id: number; readonly kind: NameKind; readonly name: string }
  /** A request for the admin API in LiteLLM's words. */
  | ({ readonly type: "manage"; readonly id: number } & ManageRequest)
  /** A batch has ended, and came to this. */
  | { readonly type: "correct"; readonly id: number; readonly entry: Correction }
  /** Which row is this request's, if this key made it? */
  | ({ readonly type: "own_request"; readonly id: number } & OwnRequestQuestion)
  /** What was charged for came to nothing. */
  | Tapped
  | { readonly type: "listening"; readonly port: number; readonly fds: readonly number[] }
  | { readonly type: "listen_failed"; readonly code: string; readonly message: string }
  | { readonly type: "built"; readonly number: number }
  /** It stays with the generation it has. */
  | { readonly type: "build_failed"; readonly number: number; readonly message: string }
  | { readonly type: "switched"; readonly number: number }
  | { readonly type: "patterns_known" }
  /** `cut`: requests that the deadline ended. */
  | { readonly type: "drained"; readonly cut: number }
  | {
      readonly type: "log";
      readonly level: "error" | "warn" | "info";
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>>;
    };
