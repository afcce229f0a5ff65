/**
 * `/passthrough/{provider}/…`: a call in the provider's own words, under our key, rules, limits and record. Hides that
 * the path cannot leave the provider's base URL whatever it is made of, and how a call that is not read is told what
 * model it is for.
 */
import { GatewayError } from "../../providers/gateway-error.ts";
import type { Provider } from "../routing/generation.ts";
import type { Exchange } from "./exchange.ts";
import type { Paging } from "./families.ts";
import { type Listing, nextPage } from "./paging.ts";

/** A path may be encoded this often before whoever decodes it once more is to blame. */
const decodingsMax = 3;

/** `/openai/v1/models` → `openai` and `/v1/models`. */
export function splitRest(rest: string): { readonly provider: string; readonly path: string } {
  const slash = rest.indexOf("/", 1);
  if (slash < 0) return { provider: rest.slice(1), path: "" };
  return { provider: rest.slice(1, slash), path: rest.slice(slash) };
}

/** The provider's base path, then the caller's. An SDK whose base URL ends with the same path says it twice. */
export function passthroughPath({ rest, request, listing, about }: Exchange, provider: Provider): string {
  const { path } = splitRest(rest);
  assertInside(path);
  const base = basePath(provider);
  const said = base !== "" && (path === base || path.startsWith(`${base}/`));
  const query = passedQuery(request.url ?? "");
  return (said ? path : base + path) + (listing === undefined ? query : pageQuery(query, about!.paging, listing));
}

export function basePath({ data }: Provider): string {
  return data.baseUrl.startsWith("echo:") ? "" : new URL(data.baseUrl).pathname.replace(/\/+$/, "");
}

/**
 * What opens a session at the provider itself, or a secret that does: nobody would count it, and revoking the key would
 * not end it. Here sessions are opened through the gateway.
 */
export function refuseRawSessions(path: string, { name }: Provider): void {
  const opening = partsOf(path).find((part) => sessionWords.has(part.replace(/:.*/, "")));
  if (opening === undefined) return;
  throw new GatewayError(
    "permission_denied",
    `a session that ${opening} of ${name} opens would be counted by nobody: open it at the gateway's own paths (/v1/realtime, or Gemini's Live API), or make a secret for it at /v1/realtime/client_secrets, and not in a raw call`,
    { source: "client" },
  );
}

/** OpenAI's, Azure's older one, Google's tokens for the Live API, and OpenAI's chat widgets. */
const sessionWords: ReadonlySet<string> = new Set(["realtime", "realtimeapi", "auth_tokens", "authtokens", "chatkit"]);

/** What a path names: however often it is decoded, and whichever way the slashes lean. What has been asked to be inside has an end. */
export function partsOf(path: string): readonly string[] {
  return plainParts(path).map((part) => part.toLowerCase());
}

/** The same, as it is written. */
export function plainParts(path: string): readonly string[] {
  let reading = path.split(/[?#]/)[0]!;
  for (let next = decodedLoosely(reading); next !== reading; next = decodedLoosely(reading)) reading = next;
  return reading
    .split(/[?#]/)[0]!
    .split(/[/\\]/)
    .map((part) => part.replace(/;.*/, ""));
}

/** For the next page of what is listed for others as well. */
function pageQuery(query: string, paging: Paging, listing: Listing): string {
  const asked = new URLSearchParams(query.slice(1));
  nextPage(asked, paging, listing);
  return asked.size === 0 ? "" : `?${asked}`;
}

/** The key is ours, and not for the provider to see. */
function passedQuery(url: string): string {
  const at = url.indexOf("?");
  if (at < 0) return "";
  const kept = url
    .slice(at + 1)
    .split("&")
    .filter((pair) => !/^(?:key|%6b|k%65)/i.test(pair) || !/^key(?:=|$)/.test(decodedLoosely(pair)));
  const query = kept.join("&");
  return query === "" ? "" : `?${query}`;
}

export function passedBody({ body }: Exchange): Buffer {
  return body!;
}

/** Whoever reads the path next, and however often it decodes it, stays below the base. */
function assertInside(path: string): void {
  let reading = path;
  for (let decodings = 0; decodings <= decodingsMax; decodings++) {
    for (const part of reading.split(/[/\\]/)) {
      if (part === "." || part === ".." || part.startsWith("..;") || part.startsWith(".;")) throw outside();
    }
    if (hasControl(reading) || (decodings === 0 && !/^[\x21-\x7e]*$/.test(reading))) throw outside();
    const next = decodedLoosely(reading);
    if (next === reading) return;
    reading = next;
  }
  throw outside();
}

function hasControl(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) < 0x20 || text.charCodeAt(index) === 0x7f) return true;
  }
  return false;
}

/** As servers do that take what is no encoding for itself: `%66%zz` is `f%zz`. Only ASCII is read as it is meant. */
function decodedLoosely(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}

function outside(): GatewayError {
  return new GatewayError("invalid_request", "the path must be plain: it may not lead out of the provider's base URL", {
    source: "client",
  });
}

/** What a raw call's path says of its model. Undefined: nothing that is known here, so that it may be any. */
export type PathSays = { readonly model: string } | "in the body" | undefined;

/**
 * What the provider will obey, in whichever spelling it reads the path: a model that stands there, or, at paths of which
 * that is known, what the body names. A body may name one at any other path as well, where nobody looks at it.
 */
export function modelInPath(path: string, provider: Provider): PathSays {
  const parts = plainParts(path).filter((part) => part !== "");
  const base = basePath(provider)
    .split("/")
    .filter((part) => part !== "");
  const isSaid = base.every((part, index) => part === parts[index]);
  const below = (isSaid ? parts.slice(base.length) : parts).join("/");
  const named =
    /(?:^|\/)models\/([^:]+):[A-Za-z]+$/.exec(below) ??
    /(?:^|\/)model\/(.+)\/(?:converse|converse-stream|invoke|invoke-with-response-stream|count-tokens)$/.exec(below) ??
    inDeployment.exec(below);
  if (named !== null) return { model: named[1]! };
  return bodyDecides.test(below) ? "in the body" : undefined;
}

/** Calls whose body says with which model, in the words of all vendors; what else there is may have its model elsewhere. */
const calls =
  "(?:(?:chat|fim)/)?completions|responses(?:/compact|/input_tokens)?|embeddings|embed|rerank|(?:chat/)?(?:moderations|classifications)|" +
  "audio/(?:speech|transcriptions|translations)|images/(?:generations|edits|variations)|videos|ocr|messages(?:/count_tokens)?|" +
  "complete|chat|generate|classify|summarize|(?:de)?tokenize|score|pooling";
const bodyDecides = new RegExp(`^(?:(?:openai|api|beta|v\\d\\w*)/)*(?:${calls})$`, "i");
const inDeployment = new RegExp(`(?:^|/)(?:deployments|engines)/(.+?)/(?:${calls})$`);
