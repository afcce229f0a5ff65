/** May a key call this model? Hides the spellings of a model list. */
import type { KeyPolicy, ProviderConfig } from "./definitions.ts";
import { isPattern, matchesPattern } from "./model-patterns.ts";

/** Stands for every model of a provider: only who may call them all may call this. */
export const anyModel = "*";
/** Of what calls none, as a list of files: for who may call a provider's models but for some. */
export const noModel = "";

/** Allowed by the policy's own list, not blocked by it, and within what it says of the provider. */
export function mayCall(policy: KeyPolicy, provider: string, model: string): boolean {
  if (!isWithin(policy, provider, model)) return false;
  if (policy.providers === undefined) return true;
  const config = providerConfig(policy, provider);
  return config !== undefined && config.credentials?.length !== 0 && isWithin(config, provider, model);
}

/** What one rule says. `anyModel` is within what lists all of the provider's and blocks none of them. */
export function isWithin({ models, blocked }: Lists, provider: string, model: string): boolean {
  if (model === anyModel) {
    const all = models === undefined || models.includes(anyModel) || models.includes(`${provider}/*`);
    return all && blocked?.some((entry) => isAbout(entry, provider)) !== true;
  }
  if (models !== undefined && !isListed(models, provider, model)) return false;
  return blocked === undefined || !isListed(blocked, provider, model);
}

type Lists = { readonly models?: readonly string[] | undefined; readonly blocked?: readonly string[] | undefined };

/** Whether an entry may name a model of this provider's. */
function isAbout(entry: string, provider: string): boolean {
  return isPattern(entry) || !entry.includes("/") || entry.startsWith(`${provider}/`);
}

/** Undefined: the policy says nothing of this provider, or names providers and this one is none of them. */
export function providerConfig({ providers }: KeyPolicy, provider: string): ProviderConfig | undefined {
  return providers?.find((each) => each.provider === provider);
}

/**
 * An entry with a slash names a provider's model and matches only `provider/model`, so that `openai/gpt-4o` does not
 * open the model of that name at a reseller; one without is a bare name and matches it at any provider. A `*` at
 * the end matches any rest; alone it matches all. `regex:` and an expression matches whole names, of either kind by
 * the same rule. An empty list names nothing.
 */
export function isListed(models: readonly string[], provider: string, model: string): boolean {
  for (let index = 0; index < models.length; index++) {
    const entry = models[index]!;
    if (entry === "*") return true;
    if (isPattern(entry)) {
      if (matchesPattern(entry, provider, model)) return true;
      continue;
    }
    const open = entry.charCodeAt(entry.length - 1) === star;
    const length = open ? entry.length - 1 : entry.length;
    if (entry.includes("/") ? matchesFull(entry, length, open, provider, model) : matches(entry, length, open, model)) {
      return true;
    }
  }
  return false;
}

/**
 * How an entry may be written, wherever one comes in. What matches nothing must not be taken: in a list of blocked
 * models it would block nobody. `patternFault()` says the rest of expressions.
 */
export const modelEntry = {
  pattern: /^(?:regex:.+|(?!regex:)[^\s*]*\*?)$/,
  message: 'must be a model name, with a "*" at its end at most, or "regex:" and an expression',
} as const;

const star = 42;

function matches(entry: string, length: number, open: boolean, name: string): boolean {
  return open ? name.startsWith(entry.slice(0, length)) : entry === name;
}

function matchesFull(entry: string, length: number, open: boolean, provider: string, model: string): boolean {
  const rest = provider.length + 1;
  if (!entry.startsWith(provider) || entry.charCodeAt(provider.length) !== slash) return false;
  return matches(entry.slice(rest), length - rest, open, model);
}

const slash = 47;
