/**
 * Headers as they may be kept beside what was said: the client's, and those of the provider's answer. What a secret
 * travels in is masked here already, so that it never leaves the worker; values pass the writer's filter besides.
 */
import type { Exchange } from "./exchange.ts";
import { withoutSecrets } from "./without-secrets.ts";

type Headers = Readonly<Record<string, string | string[] | undefined>>;

const headersMax = 64;
const valueCharactersMax = 1_024;
const masked = "[masked]";
/** `x-ratelimit-remaining-tokens` counts tokens and holds none. */
const secret = /auth|key|token|secret|cookie|password|passwd|credential|signature|x-bf-vk/;
const countsLimits = /ratelimit/;

/** JSON text: `{ request, response }`. */
export function headersText({ request, target, upstreamHeaders }: Exchange): string {
  const text = JSON.stringify({ request: kept(request.headers), response: kept(upstreamHeaders ?? {}) });
  return target === undefined ? text : withoutSecrets(text, target.provider); // a server may repeat what it was told
}

/** Of a provider's answer, for whoever may see them. */
export function shownHeaders(headers: Headers): Record<string, string> {
  return kept(headers);
}

function kept(headers: Headers): Record<string, string> {
  const found: [string, string][] = [];
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined || found.length === headersMax) continue;
    const lower = name.toLowerCase();
    const text = typeof value === "string" ? value : value.join(", ");
    found.push([lower, isSecret(lower) ? masked : text.slice(0, valueCharactersMax)]);
  }
  return Object.fromEntries(found);
}

export function isSecret(name: string): boolean {
  return secret.test(name) && !countsLimits.test(name);
}
