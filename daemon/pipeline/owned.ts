/**
 * Files and batches for whoever made them. A provider knows one account; here many keys share it, and each is shown, may
 * use and may delete what its owner made (`auth.files`). Hides how lists are filtered, page by page, and that an id may
 * be named anywhere in a body.
 */

import { GatewayError } from "../../providers/gateway-error.ts";
import { sighting } from "../http/json-skip.ts";
import type { Provider } from "../routing/generation.ts";
import type { Owner } from "../store/object-owners.ts";
import type { Lease } from "./admit.ts";
import { type AttemptResult, clientLeft, notSent } from "./attempt.ts";
import type { Exchange } from "./exchange.ts";
import { namedIds, splitId } from "./objects.ts";
import type { Plane } from "./plane.ts";
import { replaceBody } from "./read.ts";

type Attempt = (exchange: Exchange, lease: Lease, plane: Plane) => Promise<AttemptResult>;

/** Pages of a provider's list that are looked through for one page of the caller's. */
const pagesMax = 50;
const listedUsual = 20;

export function isOwned({ generation, caller }: Exchange): boolean {
  return caller!.keyRow >= 0 && generation.data.auth.files === "owned";
}

/** The nearest of the key's owners; a key without one stands for itself. */
function ownerOf({ caller }: Exchange): Owner {
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
  const told = JSON.parse(result.answer.body.toString("utf8")) as Readonly<Record<string, unknown>>;
  if (method === "DELETE") await plane.responses.objects({ type: "forget", provider, id: ids[0]! });
  else {
    const made = [told["id"], told["output_file_id"], told["error_file_id"]].flatMap((id) =>
      typeof id === "string" ? splitId(id).id : [],
    );
    await plane.responses.objects({ type: "claim", provider, ids: made, owner });
  }
  return result;
}

type Page = { readonly data: readonly { readonly id: string }[]; readonly has_more?: boolean };

/** As many of the caller's own as it asked for, however many of others' lie between them. */
async function listOwn(
  exchange: Exchange,
  lease: Lease,
  plane: Plane,
  attempt: Attempt,
  owner: Owner,
): Promise<AttemptResult> {
  const provider = lease.target.provider.name;
  const limit = Number(new URL(exchange.request.url ?? "/", "http://h").searchParams.get("limit")) || listedUsual;
  const found: Page["data"][number][] = [];
  exchange.listing = { after: undefined };
  for (let pages = 1; ; pages++) {
    const result = await attempt(exchange, lease, plane);
    if (result.answer === undefined) return result;
    const page = JSON.parse(result.answer.body.toString("utf8")) as Page;
    if (!Array.isArray(page.data)) return result;
    const ids = page.data.map(({ id }) => splitId(id).id);
    const own = new Set(await plane.responses.objects({ type: "own", provider, ids, owner }));
    found.push(...page.data.filter((_, index) => own.has(ids[index]!)));
    const last = ids.at(-1);
    const goesOn = page.has_more === true && last !== undefined;
    if (!goesOn || found.length >= limit || pages >= pagesMax || exchange.clientGone) {
      const isCut = page.has_more !== undefined && found.length > limit;
      const data = isCut ? found.slice(0, limit) : found;
      const ends = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
      const more = page.has_more === undefined ? {} : { has_more: isCut || goesOn };
      const body = Buffer.from(JSON.stringify({ ...page, data, ...("first_id" in page ? ends : {}), ...more }));
      return { ...result, answer: { ...result.answer, body } };
    }
    exchange.listing = { after: last };
  }
}

/** A raw call would go round all this: where the same can be asked for in the usual way, it has to be. */
export function refuseRawObjects(exchange: Exchange, path: string, { endpoints, name }: Provider): void {
  if (!isOwned(exchange) || !Object.hasOwn(endpoints, "files")) return;
  const parts = fullyDecoded(path).toLowerCase().split(/[?#]/)[0]!.split("/");
  const stored = parts[parts.lastIndexOf("responses") + 1];
  const isStored = parts.includes("responses") && stored !== undefined && stored !== "" && !responseVerbs.has(stored);
  if (!isStored && !parts.includes("files") && !parts.includes("batches")) {
    assertTyped(exchange);
    return;
  }
  throw new GatewayError(
    "permission_denied",
    `files, batches and kept responses of ${name} belong to whoever made them: ask for them at /v1/files, /v1/batches and /v1/responses`,
    { source: "client" },
  );
}

/** What says of itself that it is JSON has been looked through; servers take what says nothing for JSON as well. */
function assertTyped({ upload, request }: Exchange): void {
  if (upload === undefined || binaryTypes.test(request.headers["content-type"] ?? "")) return;
  throw new GatewayError(
    "invalid_request",
    "say what the body is: content-type: application/json, or multipart/form-data",
    {
      source: "client",
      param: "content-type",
    },
  );
}

const binaryTypes = /^\s*(multipart\/form-data|application\/octet-stream|(audio|image|video)\/)/i;

const responseVerbs: ReadonlySet<string> = new Set(["compact", "input_tokens"]);

function fullyDecoded(path: string): string {
  let reading = path;
  for (;;) {
    let next: string;
    try {
      next = decodeURIComponent(reading);
    } catch {
      return reading;
    }
    if (next === reading) return reading;
    reading = next;
  }
}

/** Whether it may be that a body names a file; a name can be written with escapes. */
export function mayNameFile({ body, view, generation, caller, route }: Exchange): boolean {
  if (body === undefined || !generation.hasFiles || caller!.keyRow < 0) return false;
  if (generation.data.auth.files !== "owned") return false;
  return (view!.sighted & naming) !== 0 || (route.form === "any" && body.includes(anyFileName));
}

const naming = sighting.file | sighting.escape;
/** As bytes: a text would be encoded for each request, which takes longer than the search. */
const anyFileName = Buffer.from("file");

/** What somebody else has made may not be used; an id that names its provider goes there, as that knows it. */
export async function fileIdsTaken(exchange: Exchange, plane: Plane): Promise<void> {
  const text = exchange.body!.toString("utf8");
  const named = new Set<string>();
  const providers = new Set<string>();
  let members = 0;
  const change = (told: string): string => {
    const { provider, id } = splitId(told);
    if (provider === undefined || !exchange.generation.providers.has(provider)) {
      named.add(told);
      return told;
    }
    named.add(id);
    providers.add(provider);
    return id;
  };
  const value = JSON.parse(text) as unknown;
  const bare = withFileIds(value, change, () => {
    members += 1;
  });
  // Raw calls name files in ways that are not known here: `training_file` of a tuning, `id` of an evaluation's source.
  if (exchange.route.form === "any") for (const id of textsLikeIds(value)) named.add(splitId(id).id).add(id);
  if (named.size > 0) {
    const foreign = await plane.responses.objects({ type: "foreign", ids: [...named], owner: ownerOf(exchange) });
    if (foreign.length > 0) throw notOwn("files");
  }
  // A member that is there twice is read as the last one here, and perhaps as the first one there.
  if (providers.size > 0 || members !== membersWritten(text))
    replaceBody(exchange, plane, Buffer.from(JSON.stringify(bare)));
  if (providers.size === 0) return;
  const view = exchange.view!;
  const only = { ...view.preferences?.provider, only: [...providers] };
  exchange.view = { ...view, preferences: { ...view.preferences, provider: only } };
}

function withFileIds(value: unknown, change: (id: string) => string, onMember: () => void): unknown {
  if (Array.isArray(value)) return value.map((item) => withFileIds(item, change, onMember));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      if (name !== "file_id" && name !== "file_ids") return [name, withFileIds(inner, change, onMember)];
      onMember();
      if (typeof inner === "string") return [name, change(inner)];
      const isList = name === "file_ids" && Array.isArray(inner);
      const changed = isList ? inner.map((id: unknown) => (typeof id === "string" ? change(id) : id)) : inner;
      return [name, withFileIds(changed, change, onMember)];
    }),
  );
}

function* textsLikeIds(value: unknown): Generator<string> {
  if (typeof value === "string") {
    if (/^[\w~./-]{1,200}$/.test(value)) yield value;
  } else if (typeof value === "object" && value !== null)
    for (const each of Object.values(value)) yield* textsLikeIds(each);
}

/** How often a file is named in the text, however the letters of the name are written. */
function membersWritten(text: string): number {
  const plain = text.replace(/\\u00([0-7][0-9a-f])/gi, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
  return plain.match(/"file_ids?"\s*:/g)?.length ?? 0;
}

function notOwn(operation: string): GatewayError {
  const what = operation === "batches" ? "batch or file" : "file";
  return new GatewayError("not_found", `there is no such ${what}, or it belongs to another key`, {
    source: "client",
    param: operation === "batches" ? "batch_id" : "file_id",
  });
}
