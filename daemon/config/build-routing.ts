/** Groups, rules and everything else of `routing`, from people's units to a generation's. Hides what makes a rule sound. */
import type { Build } from "./build.ts";
import { filled } from "./filled.ts";
import type { Path } from "./problems.ts";
import { buildModelTargets, checkAsked, checkTarget, type Names } from "./references.ts";
import type { GroupData, HedgeData, HopData, ModelTimers, RoutingData, RuleData, RuleScope } from "./routing-data.ts";
import type { ConfigFile } from "./schema.ts";
import { defaults } from "./settings.ts";
import { parseDuration } from "./units.ts";

type Entry = NonNullable<ConfigFile["routing"]>;
export type RuleEntry = NonNullable<Entry["rules"]>[number];
type HopEntry = NonNullable<RuleEntry["targets"]>[number];

const windowMsMax = 30_000;
const durationMsMax = 2 ** 31 - 1;

export function buildRouting(file: ConfigFile, names: Names, build: Build): RoutingData {
  const entry: Entry = file.routing ?? {};
  const usual = defaults.routing;
  const read = (path: Path, text: string): number => duration(text, ["routing", ...path], build);
  const retries = filled(usual.retries, entry.retries);
  const breaker = filled(usual.breaker, entry.breaker);
  const affinity = filled(usual.affinity, entry.affinity);
  const streams = filled(usual.streams, entry.streams);
  const queue = filled(usual.queue, entry.queue);
  const windowMs = read(["breaker", "window"], breaker.window);
  if (windowMs > windowMsMax)
    build.report({ path: ["routing", "breaker", "window"], message: "must not be longer than 30s" });
  return {
    strategy: entry.strategy ?? usual.strategy,
    bareNames: entry.bare_names ?? usual.bare_names,
    attemptsMax: entry.attempts_max ?? usual.attempts_max,
    groups: buildGroups(file, names, build),
    retries: {
      max: retries.max,
      backoffMs: read(["retries", "backoff"], retries.backoff),
      backoffMaxMs: read(["retries", "backoff_max"], retries.backoff_max),
      budget: retries.budget,
      waitMaxMs: read(["retries", "wait_max"], retries.wait_max),
    },
    breaker: {
      enabled: breaker.enabled,
      failures: breaker.failures,
      errorRate: breaker.error_rate,
      requestsMin: breaker.requests_min,
      windowMs,
      openMs: read(["breaker", "open"], breaker.open),
      openMaxMs: read(["breaker", "open_max"], breaker.open_max),
      probeMs: read(["breaker", "probe"], breaker.probe),
      rampMs: read(["breaker", "ramp"], breaker.ramp),
    },
    affinity: { by: affinity.by, ttlMs: read(["affinity", "ttl"], affinity.ttl) },
    streams: {
      releaseTokens: streams.release_tokens,
      releaseMs: read(["streams", "release_after"], streams.release_after),
      rateMin: streams.rate_min,
      rateWindowMs: read(["streams", "rate_window"], streams.rate_window),
    },
    ...(file.hedging !== undefined && { hedging: buildHedging(file, build) }),
    queue: { max: queue.max, waitMs: read(["queue", "wait"], queue.wait), scopes: queue.scopes },
    chainMax: entry.chain_max ?? usual.chain_max,
    rules: buildRules(entry.rules ?? [], names, build),
    modelTimers: buildModelTimers(file, names, build),
  };
}

function buildGroups(file: ConfigFile, names: Names, build: Build): Readonly<Record<string, GroupData>> {
  const entries = Object.entries(file.groups ?? {}).map(([name, entry]): [string, GroupData] => {
    const path: Path = ["groups", name];
    checkAsked(name, path, build);
    if (Object.hasOwn(names.aliases, name)) build.report({ path, atKey: true, message: "is an alias already" });
    const targets = buildHops(entry.targets, [...path, "targets"], names, build);
    for (const [index, { target }] of targets.entries()) {
      const at = [...path, "targets", index];
      if (names.groups.has(target)) build.report({ path: at, message: "is a group: a group's targets are models" });
      if (target.includes("*") && !name.includes("*"))
        build.report({ path: at, message: "has a `*`, but the group's name has none that it could stand for" });
    }
    return [name, { targets, ...(entry.strategy !== undefined && { strategy: entry.strategy }) }];
  });
  return Object.fromEntries(entries);
}

function buildHops(entries: readonly HopEntry[], path: Path, names: Names, build: Build): readonly HopData[] {
  const hops = entries.map((entry, index): HopData => {
    const hop = typeof entry === "string" ? { target: entry } : entry;
    checkTarget(hop.target, typeof entry === "string" ? [...path, index] : [...path, index, "target"], names, build);
    return {
      target: hop.target,
      weight: hop.weight ?? 1,
      ...(hop.retries !== undefined && { retries: hop.retries }),
    };
  });
  for (const [index, { target }] of hops.entries()) {
    if (hops.findIndex((other) => other.target === target) < index)
      build.report({ path: [...path, index], message: `"${target}" stands here twice` });
  }
  if (hops.every(({ weight }) => weight === 0)) build.report({ path, message: "gives every target the weight 0" });
  return hops;
}

function buildRules(all: readonly RuleEntry[], names: Names, build: Build): readonly RuleData[] {
  return all.flatMap((entry, index) => {
    const path: Path = ["routing", "rules", index];
    if (all.findIndex(({ name }) => name === entry.name) < index)
      build.report({ path: [...path, "name"], message: `two rules are called "${entry.name}"` });
    return buildRule(entry, path, names, build);
  });
}

/** None, if it is disabled. */
export function buildRule(entry: RuleEntry, path: Path, names: Names, build: Build): readonly RuleData[] {
  if (entry.targets === undefined && entry.fallbacks === undefined)
    build.report({ path, message: "decides nothing: give it targets or fallbacks" });
  const when = entry.when ?? "";
  const fault = when === "" ? undefined : build.checkRule?.(when);
  if (fault !== undefined) build.report({ path: [...path, "when"], message: fault });
  const targets = entry.targets === undefined ? [] : buildHops(entry.targets, [...path, "targets"], names, build);
  const fallbacks =
    entry.fallbacks === undefined
      ? undefined
      : buildModelTargets(entry.fallbacks, undefined, [...path, "fallbacks"], names, build);
  if (entry.enabled === false) return [];
  return [
    {
      name: entry.name,
      when,
      scope: scopeOf(entry.scope ?? "global"),
      priority: entry.priority ?? 0,
      targets,
      ...(entry.strategy !== undefined && { strategy: entry.strategy }),
      fallbacks,
      chain: entry.chain ?? false,
    },
  ];
}

function scopeOf(text: string): RuleScope {
  const colon = text.indexOf(":");
  if (colon < 0) return { kind: "global" };
  return { kind: text.slice(0, colon) as "key" | "team" | "customer" | "user", name: text.slice(colon + 1) };
}

function buildHedging(file: ConfigFile, build: Build): Readonly<Record<string, HedgeData>> {
  const entries = Object.entries(file.hedging ?? {}).map(([name, entry]): [string, HedgeData] => {
    const path: Path = ["hedging", name];
    checkAsked(name, path, build);
    const { after, min, max_share: maxShare } = filled(defaults.hedge, entry);
    const isPercentile = after.startsWith("p");
    return [
      name,
      {
        afterMs: isPercentile ? undefined : duration(after, [...path, "after"], build),
        percentile: isPercentile ? Number(after.slice(1)) / 100 : 0,
        minMs: duration(min, [...path, "min"], build),
        maxShare,
      },
    ];
  });
  return Object.fromEntries(entries);
}

function buildModelTimers(file: ConfigFile, names: Names, build: Build): readonly ModelTimers[] {
  return Object.entries(file.model_timeouts ?? {}).map(([pattern, entry]) => {
    const path: Path = ["model_timeouts", pattern];
    const provider = pattern.slice(0, Math.max(0, pattern.indexOf("/")));
    if (pattern.split("*").length > 2) build.report({ path, atKey: true, message: "has more than one `*`" });
    if (!pattern.includes("/") && pattern !== "*")
      build.report({ path, atKey: true, message: "expected provider/model, with at most one `*`" });
    else if (!provider.includes("*") && provider !== "" && !names.providers.some(({ name }) => name === provider))
      if (!names.faulty.has(provider))
        build.report({ path, atKey: true, message: `no provider is called "${provider}"` });
    const read = (key: keyof typeof entry, name: keyof ModelTimers) =>
      entry[key] === undefined ? {} : { [name]: duration(entry[key], [...path, key], build) };
    return {
      pattern,
      ...read("connect", "connectMs"),
      ...read("first_byte_stream", "firstByteStreamMs"),
      ...read("first_byte", "firstByteMs"),
      ...read("idle", "idleMs"),
      ...read("client_stall", "clientStallMs"),
      ...read("total", "totalMs"),
    };
  });
}

function duration(text: string, path: Path, build: Build): number {
  const milliseconds = parseDuration(text) ?? 0;
  if (milliseconds < 1) build.report({ path, message: "must be at least 1ms" });
  else if (milliseconds > durationMsMax) build.report({ path, message: "must not be longer than 24d" });
  return milliseconds;
}
