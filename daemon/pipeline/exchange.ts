/**
 * One request on its way through the gateway: what is known of it so far. Each stage fills in its own fields;
 * `record` reads them all. Hides nothing; owns the moment of release (no retry after a client byte) and the client's leaving.
 */
import type {
  Dialect,
  Ending,
  Framing,
  JsonObject,
  Operation,
  RenderContext,
  Request,
  Usage,
} from "../../providers/exchange.ts";
import type { GatewayError } from "../../providers/gateway-error.ts";
import type { KeyPolicy, OnUnsupported, ProviderConfig } from "../governance/definitions.ts";
import type { ClientRequest, ClientResponse } from "../http/client-messages.ts";
import type { RequestView } from "../http/scan.ts";
import type { Affinity } from "../routing/affinity.ts";
import type { Generation, Target } from "../routing/generation.ts";
import type { Trip } from "../routing/trip.ts";
import type { BatchFile } from "../store/batch-files.ts";
import type { BatchNote } from "../store/batches.ts";
import type { KeptResponse } from "../store/kept-responses.ts";
import type { Batch } from "./batch-cost.ts";
import type { Coded } from "./codecs.ts";
import type { KeptContent } from "./content.ts";
import type { Family } from "./families.ts";
import type { Film } from "./films.ts";
import type { Named } from "./named.ts";
import type { About } from "./owned.ts";
import type { Listing } from "./paging.ts";
import type { PromptMarks } from "./prompt-marks.ts";
import type { Raw } from "./raw.ts";
import type { Upload } from "./read-form.ts";
import type { RequestSpan } from "./span.ts";

/** Who asks. `keyRow` is the row in the shared key table; -1 when `auth.inference` is open. */
export type Caller = {
  readonly keyRow: number;
  readonly keyId: number;
  readonly scopes: readonly number[];
  readonly models: readonly string[];
  /** The providers the key may use, and how they share its calls; absent: all. */
  readonly providers?: readonly ProviderConfig[] | undefined;
  /** What becomes of a parameter that a target cannot be told; absent: as the provider says. */
  readonly unsupported?: OnUnsupported | undefined;
  /** What else binds the key; absent: there is none. */
  readonly policy?: KeyPolicy | undefined;
};

/** One hop, kept for the log row and `explain`. */
export type AttemptTrace = {
  readonly target: string;
  /** Where the provider has several. */
  readonly credential?: string;
  readonly reason: string;
  readonly error?: string;
  readonly status?: number;
  readonly costNano?: number;
  readonly heldNano?: number;
  readonly ms?: number;
  /** When it began, counted from the request's own beginning: a hedge runs beside another. Absent: it was not sent. */
  readonly startMs?: number;
  /** Before it, for a place at the provider or in a scope. */
  readonly waitedMs?: number;
};

/** How the last attempt was settled; its row is written with the audit text at the end. */
export type Settlement = {
  readonly holdId: string;
  readonly at: number;
  readonly costNano: number;
  readonly tokens: number;
  readonly flags: number;
  readonly heldNano: number;
  /** What it was charged to: `3,17`, or "" for nobody. */
  readonly scopes: string;
};

export type Route = {
  readonly name: string;
  readonly operation: Operation;
  readonly dialect: Dialect;
  /** Whose words failures are told in while there is no stream. */
  readonly failures: Dialect;
  /**
   * What its request bodies are. `json`: read whole. `form`: a form that streams through, or JSON. `object`: a file or
   * batch of a provider's. `stored`: a response that
   * was kept. `secret`: asks for one of ours. `nested`: JSON whose model stands inside of a member. `any`: whatever it is, passed on raw.
   */
  readonly form: "json" | "form" | "object" | "stored" | "secret" | "nested" | "any";
  /** Of an `object`: what kind of thing it is. */
  readonly family?: Family | undefined;
  /** What the path says of streaming; undefined: the body says. */
  readonly stream: boolean | undefined;
  /** How a stream is framed for the caller, where not in the dialect's usual way. */
  readonly framing: Framing | undefined;
  /** Members of the body that the path's vendor asks for and the dialect's own does not know, or has as a header. */
  readonly foreign?:
    | { readonly omit: readonly string[]; readonly headers: Readonly<Record<string, string>> }
    | undefined;
};

/** What an attempt tells of itself while another may be under way for the same request. */
export type Race = {
  /** It has something for the client: the other is ended. */
  spoke(exchange: Exchange): void;
  /** Until when a status without content should wait, as the other may have some; `performance.now()` scale. */
  readonly undecidedUntil: number;
};

export type Rendering = Omit<RenderContext, "echo"> & { echo: JsonObject | undefined };

const noHeaders: readonly string[] = [];
const noScopes: readonly number[] = [];

export class Exchange {
  readonly id: string;
  readonly request: ClientRequest;
  readonly response: ClientResponse;
  readonly route: Route;
  readonly generation: Generation;
  /** The model as the path names it; undefined: the body does. */
  readonly pathModel: string | undefined;
  /** Of a path that is a beginning only, what comes after it: `/file-1/content`. */
  rest = "";
  /** Unix time, ms. */
  readonly at: number;
  /** `performance.now()` scale. */
  readonly startedAt: number;

  caller: Caller | undefined;
  /** Undefined before it is read and again once it was sent upstream and cannot be needed. */
  body: Buffer | undefined;
  bytesIn = 0;
  /** Of a session's turn: what it reads beside what came for it. */
  contextTokens = 0;
  /** Counted in the worker's `bodyBytes`, from the first chunk on. */
  bodyBytesHeld = 0;
  bytesOut = 0;
  view: RequestView | undefined;
  /** A body that goes on while it comes. */
  upload: Upload | undefined;
  /** Responses: the caller's own input items, where they are to be kept; what it goes on from; what is asked about. */
  ownInput: readonly unknown[] | undefined;
  previousResponse: string | undefined;
  stored: KeptResponse | undefined;
  /** A list at a provider that is looked through in large pages: where the next begins. */
  listing: Listing | undefined;
  /** Whose it is about is asked: what it names of what a provider keeps. */
  about: About | undefined;
  /** What the provider has made for it, as it has told so far. */
  begun: string[] | undefined;
  /** It makes a batch, or what is made ready for later requests. */
  batch: Batch | undefined;
  /** It begins a film. */
  film: Film | undefined;
  /** The lines of the file that it is to read; those of the file that goes up. */
  batchFile: BatchFile | undefined;
  /** What was charged for the batch that it asks about, or for the one whose results it asks for. */
  batchNote: BatchNote | undefined;
  /** Hears of the frames that go to the client, as latin1 text; of two attempts at once each tells which it is. */
  onFrames: ((frames: string, own: Exchange) => void) | undefined;
  /** Where proofs of thinking in its answer are remembered; undefined: its next turn has no choice. */
  issuers: Affinity | undefined;
  /** The last attempt's provider speaks the caller's dialect. */
  isRelay = false;
  /** Its body has pieces of other dialects in it, see `mixed.ts`: whose it is nearest to. */
  mixed: Dialect | undefined;
  /** Its bytes have been taken: no other target can get them. */
  consumed = false;
  /** Its way through its targets. */
  trip: Trip | undefined;
  target: Target | undefined;
  /** What the upstream said in its head; see `answer-headers.ts`. */
  upstreamHeaders: Readonly<Record<string, string | string[] | undefined>> | undefined;
  credentialId: string | undefined;
  /** A byte of the answer has left: nothing may be retried or replaced any more. */
  released = false;
  /** The client has gone before the answer was complete. */
  clientGone = false;
  /** Status as told to the client (499 when it left). */
  status = 0;
  error: GatewayError | undefined;
  truncated = false;
  usage: Usage | undefined;
  ending: Ending | undefined;
  /** Sum over all attempts; undefined: unpriced. */
  costNano: number | undefined = 0;
  /** Set aside for all attempts together, as far as they are settled. */
  heldNano = 0;
  settlementFlags = 0;
  settlement: Settlement | undefined;
  /** What makes the prompt cost other than its length says; read where money is limited. */
  marks: PromptMarks | undefined;
  /** Parsed once, when a target speaks another dialect. */
  parsed: Request | undefined;
  /**
   * What its answer is rendered with. `echo` is known once the request was encoded, before any answer: a property that is
   * set, since a getter in a literal makes V8 keep every exchange it ever closed over (3 KB a request promoted).
   */
  rendering: Rendering | undefined;
  /** How the answer of an operation beside chat goes back into the caller's dialect. */
  coded: Coded | undefined;
  firstByteAt = 0;
  upstreamMs = 0;
  /** One of two attempts at once; see `hedge.ts`. */
  race: Race | undefined;
  /** The second of them answered, or the first. */
  hedge: "won" | "lost" | undefined;
  /** Where something is kept of what was said. */
  kept: KeptContent | undefined;
  /** What passes between us and the provider, where the caller asks to see it. */
  raw: Raw | undefined;
  /** Where traces are configured. */
  span: RequestSpan | undefined;
  attempts: AttemptTrace[] | undefined;
  /** `x-bifrost-dropped-params` as a header pair, when the target could not express everything. */
  droppedHeader: readonly string[] = noHeaders;
  /** Scopes of the end user and the tags that the request names. */
  named: readonly number[] = noScopes;
  /** Their names; undefined where nothing is counted for either. */
  names: Named | undefined;
  /** `x-ratelimit-…` as header pairs, where requests or tokens are limited. */
  limitHeaders: readonly string[] = noHeaders;
  /** Bytes of output that what was set aside covers, and what is done beyond: go on, or end with this. */
  outputBytesMax = Number.POSITIVE_INFINITY;
  onExhausted: (() => GatewayError | undefined) | undefined;
  /** Its budget did not cover what it asked for: it goes to cheaper models. */
  isDowngraded = false;
  /** Further attempts had their own hold ids. */
  holds = 0;
  #onGone: (() => void) | undefined;

  constructor(
    id: string,
    request: ClientRequest,
    response: ClientResponse,
    route: Route,
    generation: Generation,
    pathModel?: string,
  ) {
    this.id = id;
    this.pathModel = pathModel;
    this.request = request;
    this.response = response;
    this.route = route;
    this.generation = generation;
    this.at = Date.now();
    this.startedAt = performance.now();
  }

  /** What it has waited for a place since the attempt before, in ms. */
  waitedMs = 0;
  /** Since when it waits for places, however often; 0: it has not waited. */
  waitingSince = 0;

  /** Of those who wait for a place; see `places.ts`. */
  get priority(): number {
    return this.view?.preferences?.priority ?? 0;
  }

  /** One listener at a time: the attempt under way. Called at once when the client has already gone. */
  onGone(listener: (() => void) | undefined): void {
    this.#onGone = listener;
    if (this.clientGone && listener !== undefined) listener();
  }

  /** The listener calls this when the connection closes before the response has ended. */
  gone(): void {
    if (this.clientGone || this.response.writableFinished) return;
    this.clientGone = true;
    this.#onGone?.();
  }
}
