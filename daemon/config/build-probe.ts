/** `providers.….probe`, from people's units to milliseconds. Hides what makes a probe possible, and that one may cost. */
import type { Build } from "./build.ts";
import { filled } from "./filled.ts";
import type { ProbeData } from "./generation.ts";
import type { Path } from "./problems.ts";
import type { ProviderEntry } from "./schema.ts";
import { defaults } from "./settings.ts";
import { parseDuration } from "./units.ts";

const intervalMsMin = 1_000;
const durationMsMax = 2 ** 31 - 1;

export function readProbe(
  entry: NonNullable<ProviderEntry["probe"]> | undefined,
  path: Path,
  { isSigned, baseUrl }: { readonly isSigned: boolean; readonly baseUrl: string },
  build: Build,
): { readonly probe?: ProbeData } {
  if (entry === undefined) return {};
  const { kind, interval, timeout, path: list } = filled(defaults.probe, entry);
  const refuse = (message: string, ...at: string[]): void => build.report({ path: [...path, ...at], message });
  if (isSigned) refuse("is sent with an API key, and this provider's requests are signed by its cloud: leave it out");
  if (baseUrl.startsWith("echo:")) refuse("the built-in echo is always there: leave it out");
  if (kind === "request" && entry.model === undefined) refuse("kind: request needs the model that is asked");
  if (kind === "models" && entry.model !== undefined)
    refuse("is for kind: request, which costs; leave it out, or say so", "model");
  if (kind === "request" && entry.path !== undefined) refuse("is for kind: models", "path");
  if (!/^\/[\x21-\x7e]*$/.test(list) || /[?#]/.test(list)) refuse("expected a path such as /models", "path");
  const read = (text: string, least: number, at: string): number => {
    const ms = parseDuration(text) ?? 0;
    if (ms < least || ms > durationMsMax) refuse(`must be at least ${least}ms and not longer than 24d`, at);
    return ms;
  };
  const times = {
    intervalMs: read(interval, intervalMsMin, "interval"),
    timeoutMs: read(timeout, 1, "timeout"),
  };
  return {
    probe: kind === "models" ? { kind, path: list, ...times } : { kind, model: entry.model ?? "", ...times },
  };
}
