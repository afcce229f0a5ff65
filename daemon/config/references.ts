/** Names in a config that point at other names: aliases, fallbacks, prices. Hides what counts as a model that exists. */

import type { ModelFacts } from "../../providers/catalog/capabilities.ts";
import type { Build } from "./build.ts";
import type { PriceOverride, ProviderData } from "./generation.ts";
import { nearest, type Path } from "./problems.ts";
import type { FallbackLists } from "./routing-data.ts";
import type { ConfigFile } from "./schema.ts";

export type Names = {
  readonly providers: readonly ProviderData[];
  /** Names of entries that have faults of their own; what points at them is not a second fault. */
  readonly faulty: ReadonlySet<string>;
  readonly aliases: Readonly<Record<string, string>>;
  readonly groups: ReadonlySet<string>;
};

const nameLengthMax = 256;

export function buildAliases(file: ConfigFile, names: Names, build: Build): Readonly<Record<string, string>> {
  const aliases = file.aliases ?? {};
  for (const [alias, target] of Object.entries(aliases)) {
    const path: Path = ["aliases", alias];
    checkAsked(alias, path, build);
    const loop = cycleFrom(alias, aliases);
    if (loop !== undefined) build.report({ path, message: `leads back to itself: ${loop.join(" → ")}` });
    else checkTarget(target, path, names, build);
  }
  return aliases;
}

export function buildFallbacks(file: ConfigFile, names: Names, build: Build): Readonly<Record<string, FallbackLists>> {
  const entries = Object.entries(file.fallbacks ?? {}).map(([model, written]): [string, FallbackLists] => {
    const path: Path = ["fallbacks", model];
    checkAsked(model, path, build);
    if (typeof written === "string" || Array.isArray(written))
      return [model, { any: buildModelTargets(written, model, path, names, build) }];
    const {
      any = [],
      context_window: context,
      content_policy: policy,
    } = written as Exclude<typeof written, readonly string[]>;
    const list = (key: string, targets: string | readonly string[]): readonly string[] =>
      buildModelTargets(targets, model, [...path, key], names, build);
    return [
      model,
      {
        any: list("any", any),
        ...(context !== undefined && { contextWindow: list("context_window", context) }),
        ...(policy !== undefined && { contentPolicy: list("content_policy", policy) }),
      },
    ];
  });
  return Object.fromEntries(entries);
}

/** @param model whose fallbacks they are; undefined: a rule's */
export function buildModelTargets(
  written: string | readonly string[],
  model: string | undefined,
  path: Path,
  names: Names,
  build: Build,
): readonly string[] {
  const targets = typeof written === "string" ? [written] : written;
  for (const [index, target] of targets.entries()) {
    const at = typeof written === "string" ? path : [...path, index];
    if (target === model) build.report({ path: at, message: "falls back to itself" });
    else if (targets.indexOf(target) < index) build.report({ path: at, message: `"${target}" stands here twice` });
    else checkTarget(target, at, names, build);
  }
  return targets;
}

export type PriceEntry = NonNullable<ConfigFile["prices"]>[string];

export function buildPrices(file: ConfigFile, names: Names, build: Build): readonly PriceOverride[] {
  return Object.entries(file.prices ?? {}).map(([match, price]) =>
    buildPrice(match, price, ["prices", match], names, build),
  );
}

/** What the config says of models besides their prices; absent where it says nothing. */
export function buildFacts(file: ConfigFile, names: Names, build: Build): { readonly facts?: readonly ModelFacts[] } {
  const entries = Object.entries(file.catalog ?? {});
  if (entries.length === 0) return {};
  const facts = entries.map(([match, { output_max: outputMax, structured_output, ...rest }]): ModelFacts => {
    checkMatch(match, ["catalog", match], names, build);
    return { match, ...rest, outputMax, structured_output };
  });
  return { facts };
}

/** `provider/model` or `provider/*`. */
function checkMatch(match: string, path: Path, names: Names, build: Build): void {
  const slash = match.indexOf("/");
  const provider = match.slice(0, Math.max(slash, 0));
  const model = match.slice(slash + 1);
  if (slash < 1 || model === "" || (model !== "*" && model.includes("*"))) {
    build.report({ path, atKey: true, message: "expected provider/model or provider/*" });
  } else if (!isProvider(provider, names)) {
    build.report({
      path,
      atKey: true,
      message: `no provider is called "${provider}"`,
      suggestion: nearProvider(provider, model, names),
    });
  } else if (model !== "*") checkListed(provider, model, path, names, build, true);
}

export function buildPrice(match: string, price: PriceEntry, path: Path, names: Names, build: Build): PriceOverride {
  checkMatch(match, path, names, build);
  const { tiers, service_tiers: serviceTiers, video_sizes: videoSizes, ...rates } = price;
  return {
    match,
    ...renamed(rates),
    ...(serviceTiers !== undefined && { serviceTiers }),
    ...(videoSizes !== undefined && { videoSizes }),
    ...(tiers !== undefined && { tiers: tiers.map(({ above, ...tier }) => ({ ...renamed(tier), above })) }),
  };
}

/** `cache_write_5m` → `cacheWrite5m`; a price by the million characters is one by the character inside. */
function renamed(rates: Readonly<Record<string, number | undefined>>): Readonly<Record<string, number>> {
  const named: Record<string, number> = {};
  for (const [name, dollars] of Object.entries(rates)) {
    if (dollars === undefined) continue;
    const ours = name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
    named[ours === "characters" ? "character" : ours] = dollars;
  }
  return named;
}

/** A name a caller may ask for: printable, no spaces, of a length that fits a header and a log line; at most one `*`. */
export function checkAsked(name: string, path: Path, build: Build): void {
  if (name.split("*").length > 2) build.report({ path, atKey: true, message: "has more than one `*`" });
  if (/^[\x21-\x7e]+$/.test(name) && name.length <= nameLengthMax) return;
  build.report({
    path,
    atKey: true,
    message: `a model's name has no spaces or control characters and at most ${nameLengthMax} letters`,
  });
}

export function checkTarget(target: string, path: Path, names: Names, build: Build): void {
  if (typeof target !== "string") return; // the schema has said so already
  if (Object.hasOwn(names.aliases, target) || names.groups.has(target)) return;
  const slash = target.indexOf("/");
  const provider = target.slice(0, Math.max(slash, 0));
  if (slash > 0 && isProvider(provider, names)) {
    if (target.includes("*")) return; // what it stands for is known when it is asked for
    checkListed(provider, target.slice(slash + 1), path, names, build, false);
    return;
  }
  if (names.providers.some(({ models }) => models.includes(target)) || build.knownModel?.(target)) return;
  if (slash > 0) {
    build.report({
      path,
      message: `no provider is called "${provider}", and none lists "${target}" as a model`,
      suggestion: nearProvider(provider, target.slice(slash + 1), names),
    });
    return;
  }
  const suggestion = nearest(target, [
    ...Object.keys(names.aliases),
    ...names.providers.flatMap(({ models }) => models),
  ]);
  const finding = { path, message: `no alias and no provider's models list has "${target}"`, suggestion };
  // Providers that list nothing serve what the catalog knows of them; without the catalog this cannot be refused.
  if (build.knownModel !== undefined || suggestion !== undefined) build.report(finding);
  else build.warn({ ...finding, message: `${finding.message}: write provider/model to be sure` });
}

function checkListed(provider: string, model: string, path: Path, names: Names, build: Build, atKey: boolean): void {
  const data = names.providers.find(({ name }) => name === provider);
  if (data === undefined || data.anyModel || data.models.length === 0 || data.models.includes(model)) {
    if (model === "") build.report({ path, atKey, message: "names a provider but no model" });
    return;
  }
  const near = nearest(model, data.models);
  build.report({
    path,
    atKey,
    message: `provider ${provider} does not list the model "${model}"`,
    suggestion: near === undefined ? undefined : `${provider}/${near}`,
  });
}

function isProvider(name: string, { providers, faulty }: Names): boolean {
  return faulty.has(name) || providers.some((provider) => provider.name === name);
}

function nearProvider(provider: string, model: string, { providers }: Names): string | undefined {
  const near = nearest(
    provider,
    providers.map(({ name }) => name),
  );
  return near === undefined ? undefined : `${near}/${model}`;
}

/** The names passed on the way back to `start`; undefined when the chain ends, or ends in a circle that `start` is not part of. */
function cycleFrom(start: string, aliases: Readonly<Record<string, string>>): readonly string[] | undefined {
  const passed = [start];
  let next = aliases[start];
  while (next !== undefined && Object.hasOwn(aliases, next)) {
    if (next === start) return [...passed, start];
    if (passed.includes(next)) return undefined;
    passed.push(next);
    next = aliases[next];
  }
  return undefined;
}
