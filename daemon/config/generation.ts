/**
 * What a validated config becomes: one immutable value, plain data, sent whole to every worker.
 * Durations are milliseconds, sizes bytes, secrets already resolved. Keys, limits and balances are not in it.
 */
import type { ModelFacts } from "../../providers/catalog/capabilities.ts";
import type { DialectId } from "../../providers/exchange.ts";
import type { EgressAddress } from "../egress/addresses.ts";
import type { GovernanceData } from "./governance-data.ts";
import type { ImportedPrices } from "./price-table.ts";
import type { FallbackLists, Labels, RoutingData } from "./routing-data.ts";
import type { AlertsData, MetricsData, RecordData, TracingData } from "./telemetry-data.ts";

export type Timers = {
  readonly connectMs: number;
  /** First byte of the response, streamed requests. */
  readonly firstByteStreamMs: number;
  readonly firstByteMs: number;
  /** No byte from upstream for this long, while we were reading. */
  readonly idleMs: number;
  /** The client took no byte for this long. */
  readonly clientStallMs: number;
  readonly totalMs: number;
};

export type Credential = {
  /** Names the credential in logs and `explain`; never the secret. */
  readonly id: string;
  readonly value: string;
  readonly weight: number;
};

/** How the service that gives an identity its tokens is reached, where the provider says so. */
export type Way = {
  /** `none`: directly. Absent: as the environment says. */
  readonly proxy?: string;
  /** PEM of further authorities. */
  readonly ca?: string;
};

/** Who a provider's requests come from, where they carry no API key. */
export type Identity = { readonly way?: Way } & KindOfIdentity;

type KindOfIdentity =
  | {
      readonly kind: "aws";
      readonly region: string;
      readonly service: string;
      /** Absent: what AWS's own chain finds. */
      readonly keys?: {
        readonly accessKeyId: string;
        readonly secretAccessKey: string;
        readonly sessionToken?: string;
      };
      readonly profile?: string;
      readonly role?: { readonly arn: string; readonly session: string; readonly externalId?: string };
    }
  /** `key`: the text of a credentials file; absent: what Google's own chain finds. */
  | { readonly kind: "google"; readonly key?: string }
  | {
      readonly kind: "entra";
      readonly scope: string;
      readonly tenantId?: string;
      readonly clientId?: string;
      /** Absent: what Azure's own chain finds. */
      readonly clientSecret?: string;
      readonly authority?: string;
    };

export type ProbeData = {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Of the list of models, after the base URL; or the model of which a short answer is asked. */
} & ({ readonly kind: "models"; readonly path: string } | { readonly kind: "request"; readonly model: string });

export type ProviderData = {
  /** The name in `name/model`. */
  readonly name: string;
  /** Row of `providers/hosts.ts`; `custom` when only `base_url` was given. */
  readonly host: string;
  readonly dialect: DialectId;
  /** The config says so: no other language that the host serves as well is spoken to it. */
  readonly dialectOnly?: boolean | undefined;
  /** Without a trailing slash; paths of the dialect are appended. `echo:` for the built-in one. */
  readonly baseUrl: string;
  /** What the host's URL and paths leave open: a region, a project. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Model names and what this account calls them: an Azure deployment, an inference profile. */
  readonly deployments: Readonly<Record<string, string>>;
  readonly credentials: readonly Credential[];
  /** Signs the requests or gives them a token; there are no credentials then. */
  readonly identity?: Identity | undefined;
  /** Extra request headers, from the config only. */
  readonly headers: Readonly<Record<string, string>>;
  /** Names offered by `GET /v1/models`, and what a bare name is looked up in. Empty: whatever the catalog lists for the host. */
  readonly models: readonly string[];
  /** Any other model name is passed on as well (default true): the upstream decides. */
  readonly anyModel: boolean;
  readonly timers: Timers;
  readonly tls: { readonly ca?: string; readonly rejectUnauthorized: boolean };
  /** Proxy URL for this provider, resolved from config or HTTPS_PROXY/NO_PROXY; undefined: direct. */
  readonly proxy?: string | undefined;
  /** Cost is zero by declaration (echo, a local Ollama). */
  readonly free: boolean;
  /** Refuse what the dialect cannot express instead of dropping it with a report. */
  readonly strict: boolean;
  /** Upper bound of open connections to this origin, per worker. */
  readonly connectionsMax: number;
  readonly labels: Labels;
  /** How it is asked when nobody else asks it; undefined: not at all. */
  readonly probe?: ProbeData | undefined;
  /** Most calls at once, over all workers; undefined: no limit. */
  readonly concurrencyMax?: number | undefined;
};

/** Dollars per million tokens, as written in the config; the catalog turns them into pico-dollars a token. */
export type PriceOverride = {
  /** `provider/model` or `provider/*`. */
  readonly match: string;
  readonly input?: number;
  readonly output?: number;
  readonly cacheRead?: number;
  readonly cacheWrite5m?: number;
  readonly cacheWrite1h?: number;
  /** Dollars a request. */
  readonly request?: number;
};

export type GenerationData = {
  /** Counts up by one with each accepted config in this home. */
  readonly number: number;
  /** SHA-256 of the source text, hex. */
  readonly hash: string;
  readonly server: {
    readonly host: string;
    readonly port: number;
    readonly workers: number;
    readonly bodyBytesMax: number;
    /** Sum of body bytes held at once by one worker. */
    readonly bodiesBytesMax: number;
    /** A body that is passed on while it comes. */
    readonly uploadBytesMax: number;
    readonly headerBytesMax: number;
    readonly requestsMax: number;
    /** Idle client connection. */
    readonly keepAliveMs: number;
    /** Slow request: headers and body must arrive within. */
    readonly requestReadMs: number;
    /** Longest wait for a first meaningful event before the status is committed. */
    readonly holdBackMs: number;
    readonly keepAliveCommentMs: number;
    readonly drainMs: number;
  };
  readonly auth: {
    readonly inference: "keys" | "open";
    /** Whose files and batches a key may see. */
    readonly files: "owned" | "shared";
    /** Who may be shown what passes between us and a provider. */
    readonly rawBodies: "off" | "keys" | "all";
    /** Budget of the key that the first start makes; undefined: none. */
    readonly firstKeyBudget?: { readonly limitNano: number; readonly windowMs: number } | undefined;
  };
  /** Habits of other gateways. */
  readonly compat: { readonly bifrost: boolean; readonly litellm: boolean };
  readonly providers: readonly ProviderData[];
  /** All that may be called; absent: anything. */
  readonly egress?: readonly EgressAddress[];
  /** The price table that was imported; absent: the built-in one. */
  readonly importedPrices?: ImportedPrices;
  /** Alias → target name (`provider/model`, or another bare name). */
  readonly aliases: Readonly<Record<string, string>>;
  /** Model as asked (one `*` allowed) → ordered targets tried after it. */
  readonly fallbacks: Readonly<Record<string, FallbackLists>>;
  readonly routing: RoutingData;
  readonly prices: readonly PriceOverride[];
  /** What the config says of models besides; absent: nothing. */
  readonly facts?: readonly ModelFacts[];
  readonly ledger: {
    readonly durability: "grouped" | "strict";
    readonly holdInput: "learned" | "bytes";
    readonly noCap: "estimate" | "inject" | "refuse";
    /** A streamed answer that outruns its hold. */
    readonly onExhaust: "finish" | "cut" | "extend";
    /** Model as asked (`*` for all) → cheaper ones, for when its budget does not cover it. */
    readonly downgrades?: Readonly<Record<string, readonly string[]>>;
    /** Cap that `inject` writes, tokens. */
    readonly injectCap: number;
    /** Commit lag above which new budgeted calls are refused with 503. */
    readonly lagMaxMs: number;
    /** May a budgeted key call a model without a price? */
    readonly allowUnpriced: boolean;
    /** Time zone (IANA) in which calendar windows begin, where a budget names none. */
    readonly zone?: string;
  };
  readonly record: RecordData;
  readonly metrics: MetricsData;
  readonly tracing: TracingData;
  readonly alerts: AlertsData;
  readonly log: {
    readonly level: "debug" | "info" | "warn" | "error";
    readonly format: "json" | "text";
    /** undefined: standard error. */
    readonly file?: string | undefined;
    readonly rotateBytes?: number;
    readonly rotateKeep?: number;
  };
  /** What the file declares of owners, keys and limits; only the main thread has it. */
  readonly governance?: GovernanceData | undefined;
  /** Socket of the admin API; undefined: its usual place under the home. `listen`: over TCP too. */
  readonly admin?: {
    readonly socket?: string | undefined;
    readonly listen?: { readonly host: string; readonly port: number } | undefined;
  };
};
