/**
 * OpenRouter's words after a model's name. Hides which of them mean something here, and when such an ending is no word
 * of ours but a part of a provider's own name (`llama3:free` of a provider that has it).
 */
import type { Generation } from "./generation.ts";
import type { ProviderPreferences } from "./preferences.ts";
import { stageFor } from "./resolve.ts";

export type Suffix = {
  readonly sort?: ProviderPreferences["sort"];
  /** Only what costs nothing. */
  readonly free?: true;
  /** It asks for something that nothing here does: reported, or refused where the caller is strict. */
  readonly unhonoured?: string;
};

const suffixes: readonly (readonly [ending: string, suffix: Suffix])[] = [
  [":nitro", { sort: "throughput" }],
  [":floor", { sort: "price" }],
  [":free", { free: true }],
  // A search of the web before the answer; providers vetted for tools; a longer context; a model's thinking twin.
  ...[":online", ":exacto", ":extended", ":thinking"].map(
    (ending) => [ending, { unhonoured: `model${ending}` }] as const,
  ),
];

export function withoutSuffix(
  generation: Generation,
  model: string,
): { readonly model: string; readonly suffix: Suffix | undefined } {
  const written = suffixes.find(([ending]) => model.endsWith(ending));
  if (written === undefined) return { model, suffix: undefined };
  const [ending, suffix] = written;
  const base = model.slice(0, -ending.length);
  const places = stageFor(generation, base, true)?.hops.length ?? 0;
  // A provider that takes any name takes this one as well; only where there are several can sorting be what is meant.
  const isOurs = stageFor(generation, model) === undefined ? places > 0 : suffix.sort !== undefined && places > 1;
  return isOurs ? { model: base, suffix } : { model, suffix: undefined };
}

/** For words about a model that nobody has under either name. */
export function bareName(model: string): string {
  const [ending] = suffixes.find(([each]) => model.endsWith(each)) ?? [""];
  return model.slice(0, model.length - ending.length);
}
