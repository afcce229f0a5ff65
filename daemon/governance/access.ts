/** May a key call this model? Hides the spellings of a model list. */
import type { KeyPolicy } from "./definitions.ts";

/**
 * An entry with a slash names a provider's model and matches only `provider/model`, so that `openai/gpt-4o` does not
 * open the model of that name at a reseller; one without is a bare name and matches it at any provider. A `*` at
 * the end matches any rest; alone it matches all. An empty list allows nothing.
 */
export function mayCall(policy: KeyPolicy, provider: string, model: string): boolean {
  const { models } = policy;
  for (let index = 0; index < models.length; index++) {
    const entry = models[index]!;
    if (entry === "*") return true;
    const open = entry.charCodeAt(entry.length - 1) === star;
    const length = open ? entry.length - 1 : entry.length;
    if (entry.includes("/") ? matchesFull(entry, length, open, provider, model) : matches(entry, length, open, model)) {
      return true;
    }
  }
  return false;
}

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
