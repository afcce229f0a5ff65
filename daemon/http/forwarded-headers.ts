/**
 * The request headers an upstream gets. Hides which of the client's are ours, the connection's or a secret, and so
 * stay here; everything else goes on as it came when the dialect is the same.
 */

/** Lower case. Hop-by-hop (RFC 9110 §7.6.1), credentials, accounts, addresses, and what we set ourselves. */
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
  // Whose account pays is for the config to say (`headers` of a provider): the credential is ours.
  "openai-organization",
  "openai-project",
  "x-goog-user-project",
  "x-hf-bill-to",
  // What was allowed is the method that came; Google's servers would take another from these.
  "x-http-method-override",
  "x-http-method",
  "x-method-override",
]);
/** Looked at only for names that begin with one of their letters. */
const keptPrefixes = ["x-forwarded-", "x-bifrost-", "x-bf-", "x-amz-", "amz-sdk-", "sec-", "cf-", "x-litellm-", ":"];
const keptPrefixLetters = new Set(["x", "a", "s", "c", ":"].map((letter) => letter.charCodeAt(0)));

/** What every request of a credential carries, prepared once: flat name, value pairs and the names among them. */
export type BaseHeaders = { readonly pairs: readonly string[]; readonly names: ReadonlySet<string> };

export function prepareHeaders(own: readonly string[]): BaseHeaders {
  const pairs = ["content-type", "application/json", "accept-encoding", "identity"];
  // What we send is JSON, and what is compressed cannot be watched: the config does not change these two.
  const names = new Set(["content-type", "accept-encoding"]);
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
  if (!sameDialect) {
    for (let index = 0; index + 1 < raw.length; index += 2)
      if (isExtra(raw[index]!)) addExtra(headers, raw[index]!, raw[index + 1]!, own);
    return headers;
  }
  const first = headers.length;
  let hops: Set<string> | undefined;
  let extra = -1;
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index]!.toLowerCase();
    if (kept.has(name) || staysByPrefix(name)) {
      if (name === "connection") hops = withNamed(hops, raw[index + 1]!);
      else if (extra < 0 && isExtra(name)) extra = index;
      continue;
    }
    if (!own.names.has(name) && !isNamed(dialectHeaders, name)) headers.push(name, raw[index + 1]!);
    // The host's own default gives way to what the client says; its credential never does.
    else if (name.startsWith("anthropic-")) replace(headers, name, raw[index + 1]!);
  }
  if (hops !== undefined) removeNamed(headers, first, hops);
  // Last, since they are in place of what came by the same name.
  for (let index = extra; index >= 0 && index + 1 < raw.length; index += 2)
    if (isExtra(raw[index]!)) addExtra(headers, raw[index]!, raw[index + 1]!, own);
  return headers;
}

/** With what a cloud's credential adds to each request, in place of what came by the same name: ours counts, once. */
export function withProof(headers: readonly string[], proof: readonly string[]): string[] {
  const all: string[] = [];
  for (let index = 0; index + 1 < headers.length; index += 2)
    if (!isNamed(proof, headers[index]!)) all.push(headers[index]!, headers[index + 1]!);
  return all.concat(proof);
}

/** Says of a header that the provider is to get it, under the name that follows. */
const extraPrefix = "x-bf-eh-";

function isExtra(name: string): boolean {
  // The fifth letter tells most others apart: `x-bf-…` is rare.
  return (
    name.length > extraPrefix.length &&
    (name.charCodeAt(5) | 0x20) === 0x65 &&
    name.slice(0, extraPrefix.length).toLowerCase() === extraPrefix
  );
}

/** What stays here stays here under this name as well: nobody speaks with our credential, or of where requests end. */
function addExtra(headers: string[], raw: string, value: string, own: BaseHeaders): void {
  const name = raw.slice(extraPrefix.length).toLowerCase();
  if (kept.has(name) || own.names.has(name) || staysByPrefix(name)) return;
  if (isNamed(headers, name)) replace(headers, name, value);
  else headers.push(name, value);
}

/** The header names a `connection` header lists: those are this hop's (RFC 9110 §7.6.1), wherever they stand. */
function withNamed(hops: Set<string> | undefined, value: string): Set<string> | undefined {
  if (value === "keep-alive" || value === "close") return hops; // nearly always
  const names = hops ?? new Set<string>();
  for (const name of value.split(",")) names.add(name.trim().toLowerCase());
  return names;
}

/** Only from `first` on: what is ours is not the client's to take away. */
function removeNamed(headers: string[], first: number, hops: ReadonlySet<string>): void {
  let to = first;
  for (let index = first; index < headers.length; index += 2) {
    if (hops.has(headers[index]!)) continue;
    headers[to++] = headers[index]!;
    headers[to++] = headers[index + 1]!;
  }
  headers.length = to;
}

function isNamed(pairs: readonly string[], name: string): boolean {
  for (let index = 0; index < pairs.length; index += 2) if (pairs[index] === name) return true;
  return false;
}

function staysByPrefix(name: string): boolean {
  return keptPrefixLetters.has(name.charCodeAt(0)) && keptPrefixes.some((prefix) => name.startsWith(prefix));
}

function replace(headers: string[], name: string, value: string): void {
  for (let index = 0; index < headers.length; index += 2) if (headers[index] === name) headers[index + 1] = value;
}
