/** What the stages of one worker share: its views of shared memory, its senders, its clock wheel, its estimates. */
import type { CallerFacts } from "../governance/caller-facts.ts";
import type { Estimator } from "../governance/estimate.ts";
import type { KeyReader } from "../governance/key-table.ts";
import type { Ledger } from "../governance/ledger.ts";
import type { Names } from "../governance/names.ts";
import type { Peek } from "../governance/peek.ts";
import type { Plans } from "../governance/plans.ts";
import type { ReadQuota } from "../governance/quota.ts";
import type { Leaving } from "../http/leaving.ts";
import type { Generation } from "../routing/generation.ts";
import type { Places } from "../routing/places.ts";
import type { Routing } from "../routing/routing.ts";
import type { Health } from "../runtime/health.ts";
import type { ResponseKeeper } from "../runtime/response-keeper.ts";
import type { Translator } from "../runtime/translator.ts";
import type { Wheel } from "../runtime/wheel.ts";
import type { Correction } from "../store/commands/correct.ts";
import type { SumsAnswer } from "../store/log-sums.ts";
import type { RequestRow } from "../store/request-log.ts";
import type { Sender } from "../store/sender.ts";
import type { Stages } from "../telemetry/stages.ts";
import type { Tap } from "../telemetry/tap.ts";

/** For the admin API, with the caller's token as it came. */
export type ManageRequest = {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly authorization: string | undefined;
  /** JSON text; empty: none. */
  readonly body: string;
};
/** Asks the main thread, which alone has the admin API. */
export type Manage = (request: ManageRequest) => Promise<ManageAnswer>;
export type ManageAnswer = { readonly status: number; readonly text: string };

/** For a row of the request log, if that key made it. */
export type OwnRequestQuestion = {
  readonly request: string;
  readonly keyId: number;
  /** Of all its requests in this time the sums, by day and target, in place of one. */
  readonly activity?: { readonly sinceMs: number; readonly untilMs: number };
};
/** Neither: there is none. `failed`: why it cannot be told. */
export type OwnRequestAnswer = { readonly row?: RequestRow; readonly sums?: SumsAnswer; readonly failed?: string };

/** `failed`: why it could not be done. */
export type CorrectAnswer = { readonly failed?: string };

export type Plane = {
  readonly keys: KeyReader;
  readonly ledger: Ledger;
  readonly plans: Plans;
  readonly names: Names;
  readonly quota: ReadQuota;
  readonly peek: Peek;
  readonly callers: CallerFacts;
  readonly estimator: Estimator;
  readonly state: Sender;
  readonly traffic: Sender;
  readonly health: Health;
  readonly routing: Routing;
  readonly places: Places;
  readonly wheel: Wheel;
  /** For bodies whose translation would stall everybody else. */
  readonly translator: Translator;
  readonly responses: ResponseKeeper;
  readonly manage?: Manage;
  /** Asks the main thread as well. */
  /** Asks the main thread to charge a batch what it came to. */
  readonly correct: (entry: Correction) => Promise<CorrectAnswer>;
  readonly findOwnRequest: (question: OwnRequestQuestion) => Promise<OwnRequestAnswer>;
  readonly nextId: () => string;
  /** The newest generation that all workers have. */
  generation: Generation;
  /** Body bytes held by requests under way. */
  bodyBytes: number;
  /** This worker's words in shared memory; see `workerWord`. */
  readonly words: Int32Array;
  /** Where what was said goes; made with the first of it. */
  readonly contents: () => Sender;
  /** Copies of what was said in requests under way. */
  contentBytes: number;
  /** Where rows go as well while `workerWord.tap` is set. */
  readonly tap: Tap;
  /** Where the time of requests goes; see `stages.ts`. */
  readonly stages: Stages;
  draining: boolean;
  /** While a successor prepares to take over, and absent otherwise. */
  leaving: Leaving | undefined;
};
