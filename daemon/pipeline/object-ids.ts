/**
 * How a caller's id names the provider that has the thing: `openai~file-abc` is `file-abc` at `openai`, and
 * `files/gemini~abc` is `files/abc` at `gemini`. Whoever has the id need not say where it is.
 */
import type { Family } from "./families.ts";

const between = "~";

/** The provider that an id names, and the id as the provider knows it. */
export function splitId(id: string): { readonly provider: string | undefined; readonly id: string } {
  const start = id.lastIndexOf("/") + 1;
  const at = id.indexOf(between, start);
  if (at <= start) return { provider: undefined, id };
  return { provider: id.slice(start, at), id: id.slice(0, start) + id.slice(at + 1) };
}

export function joinId(provider: string, id: string): string {
  const start = id.lastIndexOf("/") + 1;
  return `${id.slice(0, start)}${provider}${between}${id.slice(start)}`;
}

/** Changes each id in a JSON value that a provider says or is told. */
export function mapIds(value: unknown, family: Family, change: (id: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => mapIds(item, family, change));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      if (family.foreign.has(name)) return [name, inner];
      const isId = family.ids.has(name) && typeof inner === "string" && looksLikeId(inner, family);
      return [name, isId ? change(inner) : mapIds(inner, family, change)];
    }),
  );
}

function looksLikeId(text: string, { folder, form }: Family): boolean {
  return (folder === "" || inFolder.test(text)) && (form === undefined || form.test(text));
}

/** Where ids are names, other things have names as well. */
const inFolder =
  /^(?:files|batches|cachedContents|(?:projects\/[\w.:-]+\/locations\/[\w-]+\/publishers\/google\/)?models\/[\w.-]+\/operations)\/[\w.~-]+$/;

/** The file, batch or cache that a text names in Google's words: by its name, or by an address that ends with it. */
export function googleName(text: string): string | undefined {
  return /(?:^|\/)((?:files|batches|cachedContents)\/[\w.~-]+)(?:[:?#].*)?$/.exec(text)?.[1];
}
