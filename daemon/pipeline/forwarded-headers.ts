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
const keptPrefixes = ["x-forwarded-", "x-bifrost-", "x-bf-", "sec-", "cf-"];

/** Flat name, value pairs. Later lists win over the client's own. */
export function forwardedHeaders(
  raw: readonly string[],
  sameDialect: boolean,
  dialectHeaders: readonly string[],
  credentialHeaders: readonly string[],
): string[] {
  const headers = ["content-type", "application/json", "accept-encoding", "identity"];
  const taken = new Set<string>();
  append(headers, taken, credentialHeaders, undefined);
  append(headers, taken, dialectHeaders, undefined);
  if (sameDialect) append(headers, taken, raw, kept);
  return headers;
}

function append(
  headers: string[],
  taken: Set<string>,
  pairs: readonly string[],
  except: ReadonlySet<string> | undefined,
): void {
  for (let index = 0; index + 1 < pairs.length; index += 2) {
    const name = pairs[index]!.toLowerCase();
    if (except !== undefined) {
      if (except.has(name) || keptPrefixes.some((prefix) => name.startsWith(prefix))) continue;
      // The host's own default (`anthropic-version`) gives way to what the client says, its credential never.
      if (taken.has(name)) {
        if (name.startsWith("anthropic-")) replace(headers, name, pairs[index + 1]!);
        continue;
      }
    } else {
      if (taken.has(name)) continue;
      taken.add(name);
    }
    headers.push(name, pairs[index + 1]!);
  }
}

function replace(headers: string[], name: string, value: string): void {
  for (let index = 0; index < headers.length; index += 2) if (headers[index] === name) headers[index + 1] = value;
}
