/**
 * Which model a provider says has answered, where that is another than it was asked for: providers with fallbacks of
 * their own (`openrouter/auto`, Anthropic's `fallbacks`) tell only so. Hides that a dated version is the same model, and
 * that a name which the operator has made up, as Azure's deployments are, says nothing.
 */
import type { Exchange } from "./exchange.ts";

/** Of an answer, or of an event of a stream, as JSON. */
export function toldModel(text: string): string | undefined {
  try {
    const { model, modelVersion, message, response } = JSON.parse(text) as Told;
    const told = model ?? message?.model ?? response?.model ?? modelVersion;
    return typeof told === "string" ? told : undefined;
  } catch {
    return undefined;
  }
}

type Told = {
  readonly model?: unknown;
  /** Gemini's. */
  readonly modelVersion?: unknown;
  /** Anthropic's first event, and that of responses. */
  readonly message?: { readonly model?: unknown } | null;
  readonly response?: { readonly model?: unknown } | null;
};

/** Said only of names that the catalog knows on both sides. */
export function serverSideFallback(
  { target, view, generation }: Exchange,
  told: string | undefined,
): string | undefined {
  if (told === undefined || target === undefined || told === view?.model) return undefined;
  const { provider, deployment, model } = target;
  if (isSameModel(told, deployment) || isSameModel(told, model)) return undefined;
  const { catalog } = generation;
  return catalog.knows(provider.name, deployment) && catalog.knows(provider.name, told) ? told : undefined;
}

/** `gpt-5-2025-08-07` is `gpt-5`, and `gpt-5-mini` is not. */
function isSameModel(told: string, asked: string): boolean {
  const [one, other] = [plain(told), plain(asked)];
  const [long, short] = one.length > other.length ? [one, other] : [other, one];
  return long.startsWith(short) && version.test(long.slice(short.length));
}

const version = /^(?:[-@.:_](?:\d.*|v\d.*|latest|preview.*))?$/;

/** Without its vendor. */
function plain(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1).toLowerCase();
}
