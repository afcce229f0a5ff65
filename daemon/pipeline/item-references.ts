/**
 * Pieces of responses that a request names instead of telling them again: `item_reference`, or nothing but an id. Hides
 * that what is kept here is told to a provider which never had it, that what a provider keeps goes back to it alone, and
 * that a key may name its own only.
 */
import { GatewayError } from "../../providers/gateway-error.ts";
import { isObject, list, shape } from "../../providers/json.ts";
import { sighting } from "../http/json-skip.ts";
import type { Exchange } from "./exchange.ts";
import type { Plane } from "./plane.ts";
import { replaceBody } from "./read.ts";

/** Whether a body may name one: nearly none does, and that is seen without parsing it. */
export function mayRefer({ body, view }: Pick<Exchange, "body" | "view">): boolean {
  if (body === undefined) return false;
  return (view!.sighted & sighting.escape) !== 0 || body.includes(referenceType) || hasBareId(body);
}

const referenceType = Buffer.from("item_reference");
const idMember = Buffer.from('"id"');
const typeMember = Buffer.from('"type"');
const nullWord = Buffer.from("null");
const [space, quote, comma, colon, open, shut] = [0x20, 0x22, 0x2c, 0x3a, 0x7b, 0x7d];

/** An object that is its id and at most a type that is null. */
function hasBareId(body: Buffer): boolean {
  for (let at = body.indexOf(idMember); at >= 0; at = body.indexOf(idMember, at + idMember.length)) {
    const before = body[backOverSpace(body, at - 1)];
    if (before !== open && before !== comma) continue;
    let next = overSpace(body, at + idMember.length);
    if (body[next] !== colon) continue;
    next = overSpace(body, next + 1);
    if (body[next] !== quote) continue;
    const end = body.indexOf(quote, next + 1);
    const after = overSpace(body, end + 1);
    if (before === open && body[after] === shut) return true;
    if (before === open && body[after] === comma && isNullType(body, overSpace(body, after + 1))) return true;
    if (before === comma && body[after] === shut && endsInNull(body, at)) return true;
  }
  return false;
}

function isAt(body: Buffer, at: number, word: Buffer): boolean {
  return body.subarray(Math.max(0, at), at + word.length).equals(word);
}

function isNullType(body: Buffer, at: number): boolean {
  return (
    isAt(body, at, typeMember) && isAt(body, overSpace(body, overSpace(body, at + typeMember.length) + 1), nullWord)
  );
}

/** The member before the one at `at`. */
function endsInNull(body: Buffer, at: number): boolean {
  const before = backOverSpace(body, backOverSpace(body, at - 1) - 1);
  return isAt(body, before - nullWord.length + 1, nullWord);
}

function overSpace(body: Buffer, at: number): number {
  let next = at;
  while (next < body.length && body[next]! <= space) next++;
  return next;
}

function backOverSpace(body: Buffer, at: number): number {
  let next = at;
  while (next > 0 && body[next]! <= space) next--;
  return next;
}

/** What a text of JSON names in its input. */
export function referencesIn(body: Buffer): readonly string[] {
  return list(shape(JSON.parse(body.toString("utf8")))["input"]).flatMap((item) => referenceOf(item) ?? []);
}

function referenceOf(item: unknown): string | undefined {
  if (!isObject(item)) return undefined;
  const { id, type, ...rest } = item;
  if (typeof id !== "string") return undefined;
  const isBare = (type === undefined || type === null) && Object.keys(rest).length === 0;
  return type === "item_reference" || isBare ? id : undefined;
}

/** Each piece in place of its name, or the request to the provider that keeps it. Throws where one is not the key's own. */
export async function tellItems(exchange: Exchange, plane: Plane): Promise<void> {
  const named = referencesIn(exchange.body!);
  if (named.length === 0) return;
  const items = new Map((await plane.responses.items(named, exchange.caller!.keyId)).map((item) => [item.id, item]));
  if (named.some((id) => !items.has(id))) throw notFound();
  const keepers = new Set([...items.values()].flatMap(({ provider }) => provider?.replace(/\/.*/s, "") ?? []));
  if (keepers.size > 1) throw scattered();
  if ([...items.values()].some(({ provider }) => provider === undefined)) {
    const { input, ...body } = JSON.parse(exchange.body!.toString("utf8")) as Record<string, unknown>;
    const told = list(input).map((item) => {
      const kept = items.get(referenceOf(item) ?? "");
      return kept === undefined || kept.provider !== undefined ? item : (JSON.parse(kept.json) as unknown);
    });
    replaceBody(exchange, plane, Buffer.from(JSON.stringify({ ...body, input: told })));
  }
  if (keepers.size === 0) return;
  const view = exchange.view!;
  const only = { ...view.preferences?.provider, only: [...keepers] };
  exchange.view = { ...view, preferences: { ...view.preferences, provider: only } };
}

function notFound(): GatewayError {
  return new GatewayError("not_found", "there is no such item of a response, or it belongs to another key", {
    source: "client",
    param: "input",
  });
}

function scattered(): GatewayError {
  const message = "the items that the input names are kept by several providers: send the items themselves";
  return new GatewayError("invalid_request", message, { source: "client", param: "input" });
}
