/**
 * How the admin API is called: over its socket, or in the caller's own process. The files of this folder are every
 * admin request and answer, one a resource. Types only: `cli/` imports them as types and nothing else of the daemon;
 * the schemas that check requests stand in the resource files beside, held equal by the compiler.
 *
 * On the wire names are snake_case, as in the config, the log's columns and the inference API. Money is nano-dollars,
 * times are milliseconds since the epoch, durations milliseconds; all integers below 2^53. `null` in an answer means
 * "none" or "not known", never zero; in an update it clears, and an absent field leaves things as they are.
 */

/** A request as a value, so that the same handler answers the socket and a command line without a daemon. */
export type AdminRequest = {
  readonly method: string;
  /** With its query: `/api/logs?limit=5`. */
  readonly path: string;
  /** Parsed JSON; absent: no body. */
  readonly body?: unknown;
  /** The `accept` header, for the few answers that come in several forms. */
  readonly accept?: string | undefined;
  /** The version that the caller means to change: an `etag` it was told. */
  readonly ifMatch?: string | undefined;
  /** A change with the same key is made once; the second time it is answered as the first was. */
  readonly idempotencyKey?: string | undefined;
};

export type AdminResponse =
  | { readonly status: number; readonly body: unknown; readonly etag?: string | undefined }
  /** One JSON text a line, sent as it comes. */
  | { readonly status: number; readonly lines: AsyncIterable<string> }
  /** Not JSON: metrics, CSV. */
  | { readonly status: number; readonly contentType: string; readonly text: AsyncIterable<string> }
  /** One JSON text a message, without end: server-sent events, or messages of a WebSocket. */
  | { readonly status: number; readonly events: AsyncIterable<string> };

/** What `daemon/main.ts` gives the command line. */
export type OfflineAdmin = { handle(request: AdminRequest): Promise<AdminResponse>; close(): Promise<void> };

export type ServeOptions = {
  readonly home?: string | undefined;
  readonly config?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
};

/** A daemon that serves in this process. */
export type Served = {
  readonly url: string;
  readonly home: string;
  readonly pid: number;
  readonly configPath?: string | undefined;
  readonly providers: readonly string[];
  readonly warnings: readonly string[];
  /** The key made for a fresh home. Shown once. */
  readonly firstKey?: { readonly secret: string; readonly name: string } | undefined;
  /** Resolves with the exit code when the daemon has drained and closed. */
  readonly ended: Promise<number>;
};

/**
 * What `serveForeground` and `openOffline` throw with a `code` that the command line tells apart from the rest;
 * `GatewayError`s pass too. `pid` where it is known.
 */
export type StartFailureCode = "already_running" | "address_in_use" | "config_invalid";

/** The exports of `daemon/main.ts` that the command line uses. */
export type DaemonModule = {
  serveForeground(options: ServeOptions): Promise<Served>;
  openOffline(home: string): Promise<OfflineAdmin>;
  openDistribution(): Promise<Distribution>;
  openImporters(): Promise<Importers>;
  /** With those above it, for this user alone. */
  readonly makeFolder: typeof import("../../store/make-folder.ts").makeFolder;
};

/** Configs of other gateways → ours. Each takes the text and the environment. */
export type Importers = {
  readonly litellm: typeof import("../../import/litellm.ts").importLitellm;
  readonly litellmWithKeys: typeof import("../../import/litellm.ts").importLitellmWithKeys;
  readonly bifrost: typeof import("../../import/bifrost.ts").importBifrost;
  readonly portkey: typeof import("../../import/portkey.ts").importPortkey;
  /** Without what the config would refuse. */
  readonly accepted: typeof import("../../import/accept.ts").accepted;
};

/** What concerns the program and its files rather than a running daemon. */
export type Distribution = {
  readonly createBundle: typeof import("../../bundle/create.ts").createBundle;
  readonly openBundle: typeof import("../../bundle/open.ts").openBundle;
  readonly installBundle: typeof import("../../bundle/install.ts").installBundle;
  readonly rollBack: typeof import("../../bundle/rollback.ts").rollBack;
  readonly releases: {
    readonly all: typeof import("../../bundle/prefix.ts").releasesIn;
    readonly currentId: typeof import("../../bundle/prefix.ts").currentId;
    readonly history: typeof import("../../bundle/prefix.ts").historyOf;
    readonly trustedKeys: typeof import("../../bundle/prefix.ts").trustedKeys;
  };
  readonly prices: {
    readonly import: typeof import("../../bundle/prices.ts").importSignedPrices;
    readonly show: typeof import("../../config/price-table.ts").showPrices;
  };
  readonly signing: {
    readonly generate: typeof import("../../bundle/minisign.ts").generateKeys;
    readonly readSecret: typeof import("../../bundle/minisign.ts").readSecretKey;
  };
  readonly service: {
    readonly install: typeof import("../../service/install.ts").installService;
    readonly uninstall: typeof import("../../service/install.ts").uninstallService;
    readonly render: typeof import("../../service/unit.ts").renderUnit;
    readonly systemHome: string;
    readonly systemPrefix: string;
  };
  readonly backup: {
    readonly make: typeof import("../../backup/backup.ts").backUp;
    readonly restore: typeof import("../../backup/backup.ts").restore;
    readonly verify: typeof import("../../backup/backup.ts").verifyBackup;
    readonly passphrase: typeof import("../../backup/backup.ts").readPassphrase;
  };
};

/** Written to `<home>/admin.json` by a daemon that listens, so that only the daemon knows where its socket may lie. */
export type AdminAddress = { readonly pid: number; readonly version: string; readonly socket: string };
