/** Joining what a response tells of its usage in several places. */
import type { Usage } from "../../providers/exchange.ts";

/** Field by field the later word wins; a field the later word does not have is kept. */
export function mergeUsage(earlier: Usage | undefined, later: Usage | undefined): Usage | undefined {
  if (later === undefined) return earlier;
  if (earlier === undefined) return later;
  const merged: Record<string, unknown> = { ...earlier };
  for (const [name, value] of Object.entries(later)) if (value !== undefined) merged[name] = value;
  return merged as Usage;
}
