/**
 * Whose things a raw call is about, and what it may not ask for at all. A key that may call all of a provider's models
 * shares its account with others: what they have made there is not for it to see. Hides which words of a path decide.
 */
import { GatewayError } from "../../providers/gateway-error.ts";
import type { Provider } from "../routing/generation.ts";
import type { Exchange } from "./exchange.ts";
import { mayRefer, referencesIn } from "./item-references.ts";
import { type Kept, keptRows } from "./kept-things.ts";
import { type About, isOwned } from "./owned.ts";
import { isStored, refuseRawObjects } from "./owned-bodies.ts";
import { basePath, partsOf, passthroughPath, plainParts, refuseRawSessions } from "./passthrough.ts";
import { previousOf } from "./responses.ts";

/** Undefined: about nothing that anybody owns, as far as its path says. */
export function aboutRaw(exchange: Exchange, provider: Provider): About | undefined {
  if (exchange.caller!.keyRow < 0) return undefined;
  const path = passthroughPath(exchange, provider);
  refuseRawSessions(path, provider);
  refuseRawResponses(exchange, path, provider);
  if (!isOwned(exchange)) return undefined;
  const { method = "POST" } = exchange.request;
  const found = keptAt(path.slice(basePath(provider).length), provider, method);
  if (found === undefined) refuseRawObjects(exchange, path, provider);
  return found === undefined ? undefined : aboutKept(found, method, provider);
}

/** Whether it has a provider make many calls later, of which nobody knows here what they cost. */
export function beginsRawBatch(exchange: Exchange, provider: Provider): boolean {
  const { method = "POST" } = exchange.request;
  if (exchange.route.form !== "any" || method !== "POST") return false;
  const found = keptAt(passthroughPath(exchange, provider).slice(basePath(provider).length), provider, method);
  return found?.kept.isBatch === true && found.after.length === 0;
}

/** What is kept of responses is the one key's alone, whatever is shared of the rest. */
function refuseRawResponses(exchange: Exchange, path: string, { name, endpoints }: Provider): void {
  const keeps = endpoints.chat?.some(({ dialect }) => dialect.id === "openai-responses") === true;
  const goesOn = previousOf(exchange) !== undefined || (keeps && mayRefer(exchange) && refers(exchange));
  if (!goesOn && !(keeps && isStored(partsOf(path)))) return;
  throw new GatewayError(
    "permission_denied",
    `responses of ${name} belong to whoever made them: ask for them, and go on from them, at /v1/responses, and not in a raw call`,
    { source: "client" },
  );
}

function refers({ body }: Exchange): boolean {
  return referencesIn(body!).length > 0;
}

type Found = { readonly kept: Kept; readonly name: string; readonly after: readonly string[] };

/** The row whose words the path has, what was written for them, and what comes after. */
function keptAt(path: string, provider: Provider, method: string): Found | undefined {
  const parts = plainParts(path).filter((part) => part !== "");
  const words = parts.map((part) => part.toLowerCase());
  const rows = keptRows(provider.dialect.id);
  for (let at = 0; at < parts.length; at++) {
    for (const kept of rows) {
      const end = at + kept.words.length;
      if (!kept.words.every((word, index) => at + index < words.length && (word === "*" || word === words[at + index])))
        continue;
      if (kept.only?.includes(method) === false) continue;
      if (kept.computes && method === "POST" && end === parts.length) continue;
      return { kept, name: parts.slice(at, end).join("/"), after: parts.slice(end) };
    }
  }
  const made = method === "POST" ? rows.find(({ madeBy }) => madeBy?.test(parts.at(-1) ?? "")) : undefined;
  return made === undefined ? undefined : { kept: made, name: "", after: [] };
}

function aboutKept({ kept, name, after }: Found, method: string, provider: Provider): About {
  const { list, makes, paging, isNamed, verbs, makers } = kept;
  const what = kept.words.filter((word) => word !== "*").join(" ");
  const [first, second] = after;
  if (list === undefined) throw notTold(what, provider);
  const own = { what, list, paging };
  if (first === undefined || (verbs?.includes(first) && after.length === 1)) {
    if (method === "POST") return { ...own, ids: [], kind: "make", makes };
    if (first === undefined && method === "GET") return { ...own, ids: [], kind: "list", makes };
    throw notTold(what, provider);
  }
  const bare = isNamed === true ? first.replace(/:.*/, "") : first;
  const ids = [isNamed === true ? `${name}/${bare}` : bare];
  if (after.length === 1 && bare === first) {
    if (method === "GET") return { ...own, ids, kind: "tell", makes };
    if (method === "DELETE") return { ...own, ids, kind: "forget", makes };
  }
  const makesMore = method === "POST" && after.length === 2 && makers?.includes(second!) === true;
  return { ...own, ids, kind: makesMore ? "make" : "pass", makes };
}

function notTold(what: string, { name }: Provider): GatewayError {
  return new GatewayError(
    "permission_denied",
    `${what} of ${name} are told of everybody's who shares its account: a key may not ask for them in a raw call`,
    { source: "client" },
  );
}
