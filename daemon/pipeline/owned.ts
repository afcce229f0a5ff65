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
import type { Paging } from "./families.ts";
import { googleName, splitId } from "./object-ids.ts";
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

/** What a call is about, of what a provider keeps. */
export type About = {
  /** In words, for whoever may not. */
  readonly what: string;
  /** As the provider has them: each must be the caller's own. */
  readonly ids: readonly string[];
  /** What becomes of the answer. `pass`: nothing, it is about something inside of what is named. */
  readonly kind: "list" | "make" | "tell" | "forget" | "pass";
  /** Ways to the ids in an answer that are from then on the caller's. */
  readonly makes: readonly (readonly string[])[];
  readonly list: string;
  readonly paging: Paging;
};

const words: Readonly<Record<string, string>> = {
  batches: "batch or file",
  videos: "video",
  vector_stores: "vector store",
  conversations: "conversation",
};

export function aboutObject(exchange: Exchange): About {
  const { request, route } = exchange;
  const { makes, list, paging } = route.family!;
  const ids = namedIds(exchange);
  const own = { what: words[route.operation] ?? "file", ids, makes, list, paging };
  if (request.method === "GET" && ids.length === 0) return { ...own, kind: "list" };
  if (isInside(exchange)) return { ...own, kind: "pass" }; // whose the container is it is
  return { ...own, kind: request.method === "DELETE" ? "forget" : "make" };
}

/** A call about what a provider keeps: only about the owner's own, and what it makes is the owner's. */
export async function ownedAttempt(
  exchange: Exchange,
  lease: Lease,
  plane: Plane,
  attempt: Attempt,
): Promise<AttemptResult> {
  const provider = lease.target.provider.name;
  const owner = ownerOf(exchange);
  const { what, ids, kind, makes } = exchange.about!;
  exchange.begun = [];
  if (ids.length > 0) {
    const own = await plane.responses.objects({ type: "own", provider, ids, owner });
    if (own.length < ids.length) return notSent(notOwn(what));
    if (exchange.clientGone) return notSent(clientLeft());
  }
  if (kind === "list") return listOwn(exchange, lease, plane, attempt, owner);
  const result = await attempt(exchange, lease, plane);
  const { answer } = result;
  if (answer !== undefined && answer.status < 300) {
    exchange.consumed = true; // what was made must not be made again, whatever comes of remembering it
    if (kind === "forget") await plane.responses.objects({ type: "forget", provider, id: ids[0]! });
    else if (kind !== "pass") exchange.begun.push(...idsIn(answer.body.toString("utf8"), makes));
  }
  if (exchange.begun.length > 0) await plane.responses.objects({ type: "claim", provider, ids: exchange.begun, owner });
  return result;
}

/** What a JSON text names of what was made; none where it is no JSON. */
export function idsIn(text: string, makes: About["makes"]): readonly string[] {
  let told: unknown;
  try {
    told = JSON.parse(text);
  } catch {
    return [];
  }
  return makes.flatMap((way) => idsAt(told, way));
}

function idsAt(value: unknown, way: readonly string[]): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((each) => idsAt(each, way));
  const [name, ...on] = way;
  if (name !== undefined) {
    return typeof value === "object" && value !== null ? idsAt((value as Record<string, unknown>)[name], on) : [];
  }
  if (typeof value !== "string" || value === "") return [];
  const { id } = splitId(value);
  return [id.includes("://") ? (googleName(id) ?? id) : id];
}

type Item = { readonly id?: string; readonly job_id?: string; readonly name?: string };
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
  const { list, paging } = exchange.about!;
  const lookOn = async (): Promise<Look | AttemptResult> => {
    const result = await attempt(exchange, lease, plane);
    if (result.answer === undefined || result.answer.status >= 300) return result;
    const page = pageOf(result.answer.body.toString("utf8"), list);
    const items = page[list] as readonly Item[];
    const ids = items.map((item) => splitId(item?.id ?? item?.job_id ?? item?.name ?? "").id);
    const own = new Set(await plane.responses.objects({ type: "own", provider, ids, owner }));
    return { result, page, ids, mine: items.filter((_, index) => own.has(ids[index]!)) };
  };
  exchange.listing = {};
  const first = await lookOn();
  if (!("page" in first)) return first;
  if (paging.ids === undefined && paging.token === undefined) return told(first, { [list]: first.mine });
  const isByWord = paging.ids === undefined || first.page[paging.token?.tells ?? ""] !== undefined;
  return (isByWord ? listByWord : listAfter)(exchange, first, lookOn);
}

/** Read as a list, or not told: what is no list of what is asked about may be anybody's. */
function pageOf(text: string, list: string): Page {
  let page: unknown;
  try {
    page = JSON.parse(text);
  } catch {
    page = undefined;
  }
  if (Array.isArray(page)) page = { [list]: page }; // as some have it
  if (typeof page === "object" && page !== null) {
    const isEmpty = !Object.values(page).some((member) => typeof member === "object" && holdsSome(member));
    const items = (page as Page)[list] ?? (isEmpty ? [] : undefined);
    if (Array.isArray(items)) return { ...page, [list]: items };
  }
  throw new GatewayError("upstream_protocol", `the provider's answer has no list of "${list}"`, { source: "provider" });
}

function holdsSome(member: object | null): boolean {
  return member !== null && Object.keys(member).length > 0;
}

/**
 * A word for the next page is the provider's: a page ends where one of its own does, and the next is one that has
 * something of the caller's, since SDKs take a page without anything for a fault.
 */
async function listByWord(exchange: Exchange, first: Look, lookOn: LookOn): Promise<AttemptResult> {
  const { list, paging } = exchange.about!;
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
  const { list, paging } = exchange.about!;
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

export function notOwn(what: string): GatewayError {
  return new GatewayError("not_found", `there is no such ${what}, or it belongs to another key`, {
    source: "client",
    param: what === "batch or file" ? "batch_id" : what === "file" ? "file_id" : "id",
  });
}
