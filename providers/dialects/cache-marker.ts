/** Anthropic's cache marker, which OpenRouter's clients also write on OpenAI-shaped parts. */
import type { CacheMarker, JsonObject } from "../exchange.ts";
import { isObject } from "../json.ts";

export function cacheMarker(value: unknown): CacheMarker | undefined {
  if (!isObject(value) || value["type"] !== "ephemeral") return undefined;
  return value["ttl"] === "5m" || value["ttl"] === "1h" ? { ttl: value["ttl"] } : {};
}

/** As a field to spread into a part: absent where there is no marker. */
export function marked(value: unknown): { readonly cache?: CacheMarker } {
  const cache = cacheMarker(value);
  return cache === undefined ? {} : { cache };
}

export function renderMarker(cache: CacheMarker): JsonObject {
  return cache.ttl === undefined ? { type: "ephemeral" } : { type: "ephemeral", ttl: cache.ttl };
}
