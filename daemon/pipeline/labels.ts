/**
 * What a client says of its own request, by headers: session, end user, tags. Hides which names other gateways use for
 * the same. None of it decides anything; it is written into the row.
 */
import type { ClientRequest } from "../http/client-messages.ts";

/** Characters of one value that are kept, and tags of one request. */
const labelCharactersMax = 200;
const tagsMax = 10;
const tagPrefix = "x-bf-dim-";

export function sessionOf(request: ClientRequest): string | null {
  const { headers } = request;
  return label(headers["x-bifrost-session"] ?? headers["x-bf-session-id"]);
}

export function userOf(request: ClientRequest): string | null {
  const { headers } = request;
  return label(headers["x-bifrost-user"] ?? headers["x-bf-user-id"]);
}

export function parentOf(request: ClientRequest): string | null {
  const { headers } = request;
  return label(headers["x-bifrost-parent-request-id"] ?? headers["x-bf-parent-request-id"]);
}

/** JSON object of texts, names sorted, or null when there are none. `counted`: those that budgets know, which have no value. */
export function tagsOf(request: ClientRequest, counted?: readonly string[]): string | null {
  const raw = request.rawHeaders;
  let tags: [string, string][] | undefined =
    counted === undefined || counted.length === 0 ? undefined : counted.map(pairOf);
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index]!;
    if (name.length <= tagPrefix.length || name.charCodeAt(4) !== 45 || !name.toLowerCase().startsWith(tagPrefix)) {
      continue; // character 4 of `x-bf-dim-` is `-`, of most other names it is not
    }
    tags ??= [];
    if (tags.length < tagsMax)
      tags.push([name.slice(tagPrefix.length).toLowerCase(), raw[index + 1]!.slice(0, labelCharactersMax)]);
  }
  if (tags === undefined) return null;
  return JSON.stringify(Object.fromEntries(tags.toSorted(([a], [b]) => (a < b ? -1 : 1))));
}

/** One that is written as a pair is one. */
export function pairOf(tag: string): [string, string] {
  const split = tag.indexOf("=");
  return split > 0 ? [tag.slice(0, split), tag.slice(split + 1)] : [tag, ""];
}

function label(value: string | string[] | undefined): string | null {
  if (value === undefined || value === "") return null;
  const text = typeof value === "string" ? value : value.join(",");
  return text.length > labelCharactersMax ? text.slice(0, labelCharactersMax) : text;
}
