/**
 * Files and batches for whoever made them. A provider knows one account; here many keys share it, and each is shown, may
 * use and may delete what its owner made (`auth.files`). Hides how lists are filtered, page by page, and that an id may
 * be named anywhere in a body.
 */
import { GatewayError } from "../../providers/gateway-error.ts";
import type { Owner } from "../store/object-owners.ts";
import type { Lease } from "./admit.ts";
import { type AttemptResult, clientLeft, notSent } from "./attempt.ts";
import type { Exchange } from "./exchange.ts";
import { splitId } from "./object-ids.ts";
import { isInside, namedIds } from "./objects.ts";
import type { Plane } from "./plane.ts";

type Attempt = (exchange: Exchange, lease: Lease, plane: Plane) => Promise<AttemptResult>;

/** Pages of a provider's list that are looked through for one page of the caller's. */
const pagesMax = 50;
const listedUsual = 20;

export function isOwned({ generation, caller }: Pick<Exchange, "caller" | "generation">): boolean {
  return caller!.keyRow >= 0 && generation.data.auth.files === "owned";
}

/** The nearest of the key's owners; a key without one stands for itself. */
export function ownerOf({ caller }: Pick<Exchange, "caller">): Owner {
  return { keyId: caller!.keyId, scope: caller!.scopes[1] ?? 0 };
}

/** A call about files or batches: only about the owner's own, and what it makes is the owner's. */
export async function ownedAttempt(
  exchange: Exchange,
  lease: Lease,
  plane: Plane,
  attempt: Attempt,
): Promise<AttemptResult> {
  const provider = lease.target.provider.name;
  const { method } = exchange.request;
  const owner = ownerOf(exchange);
  const ids = namedIds(exchange);
  if (ids.length > 0) {
    const own = await plane.responses.objects({ type: "own", provider, ids, owner });
    if (own.length < ids.length) return notSent(notOwn(exchange.route.operation));
    if (exchange.clientGone) return notSent(clientLeft());
  }
  if (method === "GET" && ids.length === 0) return listOwn(exchange, lease, plane, attempt, owner);
  const result = await attempt(exchange, lease, plane);
  if (result.answer === undefined) return result;
  exchange.consumed = true; // what was made must not be made again, whatever comes of remembering it
  if (isInside(exchange)) return result; // whose the container is it is
  if (method === "DELETE") await plane.responses.objects({ type: "forget", provider, id: ids[0]! });
  else {
    const told: unknown = JSON.parse(result.answer.body.toString("utf8"));
    const made = exchange.route.family!.makes.flatMap((way) => idAt(told, way));
    if (exchange.begun !== undefined) made.push(exchange.begun);
    await plane.responses.objects({ type: "claim", provider, ids: made, owner });
  }
  return result;
}

function idAt(value: unknown, way: readonly string[]): string[] {
  let inner = value;
  for (const name of way) inner = (inner as Readonly<Record<string, unknown>> | undefined)?.[name];
  return typeof inner === "string" ? [splitId(inner).id] : [];
}

type Item = { readonly id?: string; readonly name?: string };
type Page = Readonly<Record<string, unknown>> & { readonly has_more?: boolean };

/** A page of the provider's, and what of it is the caller's own. */
type Look = {
  readonly result: AttemptResult;
  readonly page: Page;
  readonly ids: readonly string[];
  readonly mine: Item[];
};
/** Asks for the next page; an answer that is none, or no list, is what the caller gets. */
type LookOn = () => Promise<Look | AttemptResult>;

/** As many of the caller's own as it asked for, however many of others' lie between them. */
async function listOwn(
  exchange: Exchange,
  lease: Lease,
  plane: Plane,
  attempt: Attempt,
  owner: Owner,
): Promise<AttemptResult> {
  const provider = lease.target.provider.name;
  const { list, paging } = exchange.route.family!;
  const lookOn = async (): Promise<Look | AttemptResult> => {
    const result = await attempt(exchange, lease, plane);
    if (result.answer === undefined) return result;
    const page = JSON.parse(result.answer.body.toString("utf8")) as Page;
    const items = (page[list] ?? []) as readonly Item[];
    if (!Array.isArray(items)) return result;
    const ids = items.map(({ id, name }) => splitId(id ?? name ?? "").id);
    const own = new Set(await plane.responses.objects({ type: "own", provider, ids, owner }));
    return { result, page, ids, mine: items.filter((_, index) => own.has(ids[index]!)) };
  };
  exchange.listing = {};
  const first = await lookOn();
  if (!("page" in first)) return first;
  const isByWord = paging.ids === undefined || first.page[paging.token?.tells ?? ""] !== undefined;
  return (isByWord ? listByWord : listAfter)(exchange, first, lookOn);
}

/**
 * A word for the next page is the provider's: a page ends where one of its own does, and the next is one that has
 * something of the caller's, since SDKs take a page without anything for a fault.
 */
async function listByWord(exchange: Exchange, first: Look, lookOn: LookOn): Promise<AttemptResult> {
  const { list, paging } = exchange.route.family!;
  const { tells } = paging.token!;
  const ended = paging.ids === undefined ? undefined : null;
  let shown: Look | undefined;
  let look = first;
  for (let pages = 1; ; pages++) {
    const { mine } = look;
    const isLast = pages >= pagesMax || exchange.clientGone;
    if (shown !== undefined && (mine.length > 0 || isLast))
      return told(shown, { [list]: shown.mine, [tells]: exchange.listing!.token });
    if (mine.length > 0) shown = look;
    const token = look.page[tells];
    if (typeof token !== "string" || token === "")
      return told(shown ?? look, { [list]: shown?.mine ?? [], [tells]: ended });
    if (isLast) return told(look, { [list]: mine });
    exchange.listing = { token };
    const next = await lookOn();
    if (!("page" in next)) return next;
    look = next;
  }
}

/** Where pages follow ids any of them can be the last; going back, the first. */
async function listAfter(exchange: Exchange, first: Look, lookOn: LookOn): Promise<AttemptResult> {
  const { list, paging } = exchange.route.family!;
  const query = new URL(exchange.request.url ?? "/", "http://h").searchParams;
  const back = query.has(paging.ids!.before);
  const limit = Number(query.get("limit")) || listedUsual;
  let found: Item[] = [];
  let look = first;
  for (let pages = 1; ; pages++) {
    const { page, ids, mine } = look;
    found = back ? [...mine, ...found] : [...found, ...mine];
    const last = ids.at(back ? 0 : -1);
    const goesOn = page.has_more === true && last !== undefined;
    if (!goesOn || found.length >= limit || pages >= pagesMax || exchange.clientGone) {
      const isCut = page.has_more !== undefined && found.length > limit;
      const data = !isCut ? found : back ? found.slice(-limit) : found.slice(0, limit);
      const ends = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
      const more = page.has_more === undefined ? {} : { has_more: isCut || goesOn };
      return told(look, { [list]: data, ...("first_id" in page ? ends : {}), ...more });
    }
    exchange.listing = { after: last };
    const next = await lookOn();
    if (!("page" in next)) return next;
    look = next;
  }
}

/** The page with other members. */
function told({ result, page }: Look, members: Readonly<Record<string, unknown>>): AttemptResult {
  return { ...result, answer: { ...result.answer!, body: Buffer.from(JSON.stringify({ ...page, ...members })) } };
}

export function notOwn(operation: string): GatewayError {
  const what = operation === "batches" ? "batch or file" : "file";
  return new GatewayError("not_found", `there is no such ${what}, or it belongs to another key`, {
    source: "client",
    param: operation === "batches" ? "batch_id" : "file_id",
  });
}
