/**
 * The request headers an upstream gets. Hides which of the client's are ours, the connection's or a secret, and so
 * stay here; everything else goes on as it came when the dialect is the same.
 */

/** Lower case. Hop-by-hop (RFC 9110 §7.6.1), credentials, addresses, and what we set ourselves. */
const kept = new Set([
  "host",
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
  "content-length",
  "content-encoding",
  "content-type",
  "accept-encoding",
  "authorization",
  "x-api-key",
  "api-key",
  "x-goog-api-key",
  "cookie",
  "origin",
  "referer",
  "forwarded",
  "via",
  "x-real-ip",
]);
/** Looked at only for names that begin with one of their letters. */
const keptPrefixes = ["x-forwarded-", "x-bifrost-", "x-bf-", "sec-", "cf-"];
const keptPrefixLetters = new Set(["x", "s", "c"].map((letter) => letter.charCodeAt(0)));

/** What every request of a credential carries, prepared once: flat name, value pairs and the names among them. */
export type BaseHeaders = { readonly pairs: readonly string[]; readonly names: ReadonlySet<string> };

export function prepareHeaders(own: readonly string[]): BaseHeaders {
  const pairs = ["content-type", "application/json", "accept-encoding", "identity"];
  const names = new Set<string>();
  for (let index = 0; index + 1 < own.length; index += 2) {
    const name = own[index]!.toLowerCase();
    if (names.has(name)) continue;
    names.add(name);
    pairs.push(name, own[index + 1]!);
  }
  return { pairs, names };
}

/** Flat name, value pairs. `own` wins over the dialect's, and both over the client's. */
export function forwardedHeaders(
  raw: readonly string[],
  sameDialect: boolean,
  dialectHeaders: readonly string[],
  own: BaseHeaders,
): string[] {
  const headers = own.pairs.slice();
  for (let index = 0; index + 1 < dialectHeaders.length; index += 2) {
    if (!own.names.has(dialectHeaders[index]!)) headers.push(dialectHeaders[index]!, dialectHeaders[index + 1]!);
  }
  if (!sameDialect) return headers;
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index]!.toLowerCase();
    if (kept.has(name) || staysByPrefix(name)) continue;
    if (!own.names.has(name)) headers.push(name, raw[index + 1]!);
    // The host's own default gives way to what the client says; its credential never does.
    else if (name.startsWith("anthropic-")) replace(headers, name, raw[index + 1]!);
  }
  return headers;
}

function staysByPrefix(name: string): boolean {
  return keptPrefixLetters.has(name.charCodeAt(0)) && keptPrefixes.some((prefix) => name.startsWith(prefix));
}

function replace(headers: string[], name: string, value: string): void {
  for (let index = 0; index < headers.length; index += 2) if (headers[index] === name) headers[index + 1] = value;
}
