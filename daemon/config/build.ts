/**
 * A file's values → one generation: units read, references resolved, defaults filled in, names checked. Knows nothing
 * of YAML or of the schema library, so that a start without a file loads neither.
 */
import { isIP } from "node:net";
import { egressOf } from "../egress/addresses.ts";
import { buildGovernance } from "./build-governance.ts";
import { buildProvider, builtInPrices, builtIns, type ProviderContext } from "./build-providers.ts";
import { buildRouting } from "./build-routing.ts";
import { readAlerts, readMetrics, readRecord, readTracing, type Units } from "./build-telemetry.ts";
import { filled } from "./filled.ts";
import type { GenerationData, ProviderData, Timers } from "./generation.ts";
import type { Finding, Path } from "./problems.ts";
import { type ProxyRules, parseProxy, proxyRules } from "./proxies.ts";
import { buildAliases, buildFacts, buildFallbacks, buildPrices, type Names } from "./references.ts";
import type { ConfigFile, TimeoutsEntry } from "./schema.ts";
import { type Environment, expandPath, resolveSecret } from "./secrets.ts";
import { defaults } from "./settings.ts";
import { parseBudget, parseDuration, parseSize } from "./units.ts";

export type BuildInputs = {
  readonly environment: Environment;
  readonly directory: string;
  readonly number: number;
  readonly hash: string;
  /** Milliseconds since the epoch, to tell certificates that have expired. */
  readonly now: number;
  /** Providers that the schema refused: what points at them is not a second fault. */
  readonly faulty?: readonly string[];
  /** Whether the catalog has a bare model name; absent where no catalog is at hand. */
  readonly knownModel?: ((name: string) => boolean) | undefined;
  /** Says what is wrong with a rule's condition; absent where there are no rules. */
  readonly checkRule?: ((when: string) => string | undefined) | undefined;
};

export type Built = {
  /** Complete even when there are problems, but then not to be used. */
  readonly data: GenerationData;
  readonly problems: readonly Finding[];
  readonly warnings: readonly Finding[];
  /** Secret and certificate files whose change must build anew. */
  readonly files: readonly string[];
  /** Where a secret is written out instead of referred to. */
  readonly literals: readonly Path[];
  /** Every secret that was resolved, so that it can be kept out of what is stored. */
  readonly secrets: readonly string[];
};

/** What the parts of a build share. */
export type Build = BuildInputs & {
  report(finding: Finding): void;
  warn(finding: Finding): void;
  watch(file: string): void;
  /** Resolves a reference; reports and gives undefined when it cannot. A `plain` value may be written out. */
  secret(text: string, path: Path, kind?: "secret" | "plain"): string | undefined;
  proxy(text: string, path: Path): string | undefined;
};

/** Timers live in 32-bit integers: 24.8 days. */
const timerMsMax = 2 ** 31 - 1;
/** One byte less than 2 GiB: what a buffer surely holds. */
const sizeMax = 2 ** 31 - 1;

export function build(file: ConfigFile, inputs: BuildInputs): Built {
  const findings = { problems: [] as Finding[], warnings: [] as Finding[] };
  const files = new Set<string>();
  const literals: Path[] = [];
  const secrets: string[] = [];
  const shared: Build = {
    ...inputs,
    report: (finding) => findings.problems.push(finding),
    warn: (finding) => findings.warnings.push(finding),
    watch: (name) => files.add(name),
    secret(text, path, kind = "secret") {
      const secret = resolveSecret(text, inputs);
      if (secret.file !== undefined) files.add(secret.file);
      if (!secret.ok) {
        findings.problems.push({ path, message: secret.message, suggestion: secret.suggestion });
        return undefined;
      }
      if (!secret.literal) secrets.push(secret.value);
      else if (kind === "secret") {
        literals.push(path);
        findings.warnings.push({ path, message: "is written out in the file: use env.NAME or file.PATH" });
      }
      return secret.value;
    },
    proxy(text, path) {
      const value = this.secret(text, path, /:\/\/[^/]*@/.test(text) ? "secret" : "plain");
      const proxy = value === undefined ? undefined : parseProxy(value);
      if (value !== undefined && proxy === undefined) {
        findings.problems.push({
          path,
          message: "is no http:// or https:// proxy URL; expected something like http://proxy.corp:3128, or none",
        });
      }
      return proxy;
    },
  };
  return { data: withEgress(file, generation(file, shared)), ...findings, files: [...files], literals, secrets };
}

function generation(file: ConfigFile, build: Build): GenerationData {
  const timers = readTimers(file.timeouts, ["timeouts"], defaultTimers, build);
  const server = readServer(file, build);
  const context: ProviderContext = {
    timers,
    proxies: readProxies(file, build),
    self: { host: server.host, port: server.port },
    timersFor: (entry, path) => readTimers(entry, path, timers, build),
  };
  const units: Units = {
    duration: (text, path, most) => readDuration(text, path, build, most),
    size: (text, path, limits) => readSize(text, path, build, limits),
  };
  const providers: ProviderData[] = [];
  const faulty = new Set<string>(build.faulty);
  for (const [name, entry] of Object.entries(file.providers ?? {})) {
    const provider = buildProvider(name, entry ?? {}, build, context);
    if (provider === undefined) faulty.add(name);
    else providers.push(provider);
  }
  if (file.echo ?? true) providers.push(...builtIns(context));
  const groups = new Set(Object.keys(file.groups ?? {}));
  const names: Names = { providers, faulty, aliases: file.aliases ?? {}, groups };
  const auth = readAuth(file);
  if (auth.inference === "open" && !/^(127\.|::1$|localhost$)/.test(server.host)) {
    build.warn({
      path: ["auth", "inference"],
      message: `open, and listening on ${server.host}: whoever reaches the port spends your money`,
    });
  }
  return {
    number: build.number,
    hash: build.hash,
    server,
    auth,
    compat: filled(defaults.compat, file.compat),
    providers,
    aliases: buildAliases(file, names, build),
    fallbacks: buildFallbacks(file, names, build),
    routing: buildRouting(file, names, build),
    prices: [...buildPrices(file, names, build), ...builtInPrices(providers)],
    ...buildFacts(file, names, build),
    ledger: readLedger(file, build),
    record: readRecord(file, build, units),
    metrics: readMetrics(file, build, units),
    tracing: readTracing(file, build, units),
    alerts: readAlerts(file, build, units),
    log: readLog(file, build),
    ...(file.governance ? { governance: buildGovernance(file.governance, file.ledger?.zone, names, build) } : {}),
    admin: readAdmin(file, build),
  };
}

/** Last, since every other part may name an address. */
function withEgress({ network }: ConfigFile, data: GenerationData): GenerationData {
  return network?.egress === "closed" ? { ...data, egress: egressOf(data) } : data;
}

function readAdmin(file: ConfigFile, build: Build): NonNullable<GenerationData["admin"]> {
  const { socket, listen } = file.admin ?? {};
  const [, host, port] = /^(\[[0-9a-fA-F:]+\]|[^:]+):(\d{1,5})$/.exec(listen ?? "") ?? [];
  const isAddress = host !== undefined && Number(port) <= 65_535;
  if (listen !== undefined && !isAddress)
    build.report({ path: ["admin", "listen"], message: "is not an address and a port such as 127.0.0.1:8081" });
  return {
    ...(socket === undefined ? {} : { socket: expandPath(socket, build) }),
    ...(isAddress ? { listen: { host: host.replace(/^\[|\]$/g, ""), port: Number(port) } } : {}),
  };
}

function readServer(file: ConfigFile, build: Build): GenerationData["server"] {
  const server = filled(defaults.server, file.server);
  const at = (key: string): Path => ["server", key];
  const hostname = /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/;
  if (isIP(server.host) === 0 && (!hostname.test(server.host) || /^[\d.]+$/.test(server.host))) {
    build.report({ path: at("host"), message: "is neither an address nor a host name" });
  }
  const bodyBytesMax = readSize(server.body_max, at("body_max"), build);
  const bodiesBytesMax = readSize(server.bodies_max, at("bodies_max"), build);
  if (bodiesBytesMax < bodyBytesMax) {
    const key = file.server?.bodies_max === undefined ? "body_max" : "bodies_max";
    build.report({
      path: at(key),
      message: `bodies_max (${server.bodies_max}) must not be less than body_max (${server.body_max})`,
    });
  }
  return {
    host: server.host,
    port: server.port,
    workers: server.workers,
    bodyBytesMax,
    bodiesBytesMax,
    uploadBytesMax: readSize(server.upload_max, at("upload_max"), build),
    headerBytesMax: readSize(server.header_max, at("header_max"), build, { least: 1024, most: 1024 ** 2 }),
    requestsMax: server.requests_max,
    keepAliveMs: readDuration(server.keep_alive, at("keep_alive"), build),
    requestReadMs: readDuration(server.request_timeout, at("request_timeout"), build),
    holdBackMs: readDuration(server.hold_back, at("hold_back"), build),
    keepAliveCommentMs: readDuration(server.keep_alive_comment, at("keep_alive_comment"), build),
    drainMs: readDuration(server.drain, at("drain"), build),
  };
}

function readAuth(file: ConfigFile): GenerationData["auth"] {
  const auth = filled(defaults.auth, file.auth);
  const { inference, files, raw_bodies: rawBodies } = auth;
  return { inference, files, rawBodies, firstKeyBudget: parseBudget(auth.first_key_budget) };
}

function listsOf(written: Readonly<Record<string, string | readonly string[]>>): Record<string, readonly string[]> {
  const entries = Object.entries(written);
  return Object.fromEntries(entries.map(([model, to]) => [model, typeof to === "string" ? [to] : to]));
}

function readLedger(file: ConfigFile, build: Build): GenerationData["ledger"] {
  const ledger = filled(defaults.ledger, file.ledger);
  if (!isZone(ledger.zone)) {
    build.report({
      path: ["ledger", "zone"],
      message: "is no time zone; expected a name such as Europe/Berlin or UTC",
    });
  }
  return {
    durability: ledger.durability,
    holdInput: ledger.hold_input,
    noCap: ledger.no_cap,
    onExhaust: ledger.on_exhaust,
    ...(file.ledger?.downgrade ? { downgrades: listsOf(file.ledger.downgrade) } : {}),
    injectCap: ledger.inject_cap,
    lagMaxMs: readDuration(ledger.commit_lag_max, ["ledger", "commit_lag_max"], build),
    allowUnpriced: ledger.allow_unpriced,
    zone: ledger.zone,
  };
}

function readLog(file: ConfigFile, build: Build): GenerationData["log"] {
  const log = filled(defaults.log, file.log);
  return {
    level: log.level,
    format: log.format,
    ...(file.log?.file !== undefined && {
      file: expandPath(file.log.file, build),
      rotateBytes: readSize(log.rotate_size, ["log", "rotate_size"], build, { least: 1_024 }),
      rotateKeep: log.rotate_keep,
    }),
  };
}

const defaultTimers: Timers = {
  connectMs: parseDuration(defaults.timeouts.connect)!,
  firstByteStreamMs: parseDuration(defaults.timeouts.first_byte_stream)!,
  firstByteMs: parseDuration(defaults.timeouts.first_byte)!,
  idleMs: parseDuration(defaults.timeouts.idle)!,
  clientStallMs: parseDuration(defaults.timeouts.client_stall)!,
  totalMs: parseDuration(defaults.timeouts.total)!,
};

function readTimers(entry: TimeoutsEntry | null | undefined, path: Path, general: Timers, build: Build): Timers {
  const read = (key: keyof TimeoutsEntry, otherwise: number) =>
    entry?.[key] === undefined ? otherwise : readDuration(entry[key], [...path, key], build);
  return {
    connectMs: read("connect", general.connectMs),
    firstByteStreamMs: read("first_byte_stream", general.firstByteStreamMs),
    firstByteMs: read("first_byte", general.firstByteMs),
    idleMs: read("idle", general.idleMs),
    clientStallMs: read("client_stall", general.clientStallMs),
    totalMs: read("total", general.totalMs),
  };
}

/** What `network` says replaces the environment, part by part. */
function readProxies(file: ConfigFile, build: Build): ProxyRules {
  const usual = proxyRules(build.environment);
  const noProxy = file.network?.no_proxy ?? usual.noProxy;
  if (file.network?.proxy === undefined) return { ...usual, noProxy };
  const proxy = file.network.proxy === "none" ? undefined : build.proxy(file.network.proxy, ["network", "proxy"]);
  return { https: proxy, http: proxy, noProxy };
}

function readDuration(text: string, path: Path, build: Build, most = timerMsMax): number {
  const milliseconds = parseDuration(text) ?? 0;
  if (milliseconds < 1) build.report({ path, message: "must be at least 1ms" });
  else if (milliseconds > most)
    build.report({ path, message: `must not be longer than ${Math.floor(most / 86_400_000)}d` });
  return milliseconds;
}

function readSize(text: string, path: Path, build: Build, { least = 1, most = sizeMax } = {}): number {
  const bytes = parseSize(text) ?? 0;
  if (bytes < least) build.report({ path, message: `must be at least ${least}B` });
  else if (bytes > most) build.report({ path, message: `must not be more than ${most}B` });
  return bytes;
}

/** The default is not looked up: the first use of time zones costs a start 20 ms. */
function isZone(zone: string): boolean {
  if (zone === defaults.ledger.zone) return true;
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}
