/**
 * What bodies name of the things that a provider keeps: files, containers, caches. Hides under which names each vendor
 * has them, that a name can be written with escapes, and how a raw call is kept from going round all of it.
 */
import { GatewayError } from "../../providers/gateway-error.ts";
import { sighting } from "../http/json-skip.ts";
import type { Generation, Provider } from "../routing/generation.ts";
import type { Exchange } from "./exchange.ts";
import { googleName, splitId } from "./object-ids.ts";
import { isOwned, notOwn, ownerOf } from "./owned.ts";
import { partsOf } from "./passthrough.ts";
import type { Plane } from "./plane.ts";
import { replaceBody } from "./read.ts";

/** A raw call would go round all this: where the same can be asked for in the usual way, it has to be. */
export function refuseRawObjects(exchange: Exchange, path: string, { endpoints, name }: Provider): void {
  if (!isOwned(exchange) || !Object.hasOwn(endpoints, "files")) return;
  const parts = partsOf(path);
  const kept = isStored(parts) ? "responses" : parts.find((part) => keptThings.has(part.replace(/:.*/, "")));
  if (kept === undefined) {
    assertTyped(exchange);
    return;
  }
  throw new GatewayError(
    "permission_denied",
    `${kept} of ${name} belong to whoever made them: ask for them at the gateway's own paths, as that vendor has them, and not in a raw call`,
    { source: "client" },
  );
}

/** Whether a path is about a response that is kept. */
export function isStored(parts: readonly string[]): boolean {
  const id = parts[parts.lastIndexOf("responses") + 1];
  return parts.includes("responses") && id !== undefined && id !== "" && !responseVerbs.has(id);
}

/** Words of paths under which a provider keeps things; in Google's a model may make one. */
const keptThings: ReadonlySet<string> = new Set(["files", "batches", "containers", "cachedcontents", "upload"]);

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

/** Whether it may be that a body names a file; a name can be written with escapes. */
export function mayNameFile({ body, view, generation, caller, route }: Exchange): boolean {
  if (body === undefined || !generation.hasFiles || caller!.keyRow < 0) return false;
  if (generation.data.auth.files !== "owned") return false;
  if ((view!.sighted & naming) !== 0) return true;
  if (route.form === "any" || route.form === "object") return anyNames.some((name) => body.includes(name));
  return generation.hasGoogleFiles && (view!.sighted & sighting.type) !== 0 && body.includes(address);
}

/** Of `file_id`, of what a container or a cache is named by, and of what may hide them. */
const naming = sighting.file | sighting.unbounded | sighting.escape;
/** As bytes: a text would be encoded for each request, which takes longer than the search. */
const anyNames = [
  ...["file", "cache", "cntr_", "vs_", "conv_", "thread", "asst_", "ftjob-", "eval", "skill", "video", "upload_"],
  ...["interaction", "tunedModels", "corpora", "agent", "environment", "vault", "memory", "dataset", "\\u00"],
].map((name) => Buffer.from(name));
/** In other words than Google's an address may be one of its files: every part that may have one has a type. */
const address = Buffer.from("/files/");

/** What somebody else has made may not be used; an id that names its provider goes there, as that knows it. */
export async function fileIdsTaken(exchange: Exchange, plane: Plane): Promise<void> {
  const { generation, route, view } = exchange;
  const names = namesIn(exchange.body!.toString("utf8"), generation);
  const { named, providers } = names;
  // Raw calls name files in ways that are not known here: `training_file` of a tuning, `id` of an evaluation's source.
  if (route.form === "any" || route.form === "object")
    for (const id of textsLikeIds(names.value)) named.add(splitId(id).id).add(id);
  await assertOwn(exchange, named, plane);
  // An address says nothing of whose account the file is in; who made it does.
  if (named.size > 0 && providers.size === 0 && route.dialect.id === "gemini") {
    const where = { type: "where", ids: [...named], owner: ownerOf(exchange) } as const;
    for (const provider of await plane.responses.objects(where)) providers.add(provider);
  }
  if (names.rewritten !== undefined) replaceBody(exchange, plane, Buffer.from(names.rewritten));
  if (providers.size === 0) return;
  const only = { ...view!.preferences?.provider, only: [...providers] };
  exchange.view = { ...exchange.view!, preferences: { ...view!.preferences, provider: only } };
}

type Asking = Pick<Exchange, "caller" | "generation">;

async function assertOwn(exchange: Asking, named: ReadonlySet<string>, plane: Plane): Promise<void> {
  if (named.size === 0) return;
  const foreign = { type: "foreign", ids: [...named], owner: ownerOf(exchange) } as const;
  if ((await plane.responses.objects(foreign)).length > 0) throw notOwn("file");
}

/** Whether a message on a socket may name a file of Google's. */
export function mayNameThings(text: string, { hasGoogleFiles }: Generation): boolean {
  return hasGoogleFiles && /files\/|"file|"cached|\\u00/.test(text);
}

/** The message, with every name as the provider knows it. */
export async function ownThingsOnly(text: string, asking: Asking, plane: Plane): Promise<string> {
  const { named, rewritten } = namesIn(text, asking.generation);
  if (isOwned(asking)) await assertOwn(asking, named, plane);
  return rewritten ?? text;
}

/** What a body names, and the body in the provider's words where they are others. */
function namesIn(text: string, generation: Generation) {
  const named = new Set<string>();
  const providers = new Set<string>();
  let members = 0;
  const change = (told: string): string => {
    const { provider, id } = splitId(told);
    const isOurs = provider !== undefined && generation.providers.has(provider);
    const bare = isOurs ? id : told;
    named.add(googleName(bare) ?? bare);
    if (isOurs) providers.add(provider);
    return bare;
  };
  const value = JSON.parse(text) as unknown;
  const bare = withFileIds(value, change, () => {
    members += 1;
  });
  const isChanged = providers.size > 0;
  for (const name of addressesIn(value)) named.add(splitId(name).id);
  // A member that is there twice is read as the last one here, and perhaps as the first one there.
  const rewritten = isChanged || members !== membersWritten(text) ? JSON.stringify(bare) : undefined;
  return { named, providers, value, rewritten };
}

/** Members that hold an id or several, and what theirs look like where others have members of that name for other things. */
const idMembers: ReadonlyMap<string, RegExp> = new Map(
  Object.entries({
    file_id: /./,
    file_ids: /./,
    vector_store_ids: /./,
    skill_id: /./,
    container: /^(?:[^~]+~)?cntr_/,
    conversation: /^(?:[^~]+~)?conv_/,
    fileUri: /./,
    file_uri: /./,
    cachedContent: /./,
    cached_content: /./,
    fileSearchStoreNames: /./,
    file_search_store_names: /./,
  }),
);

function withFileIds(value: unknown, change: (id: string) => string, onMember: () => void): unknown {
  if (Array.isArray(value)) return value.map((item) => withFileIds(item, change, onMember));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      const form = idMembers.get(name);
      if (form === undefined) return [name, withFileIds(inner, change, onMember)];
      onMember();
      const changed = (id: unknown): unknown => (typeof id === "string" && form.test(id) ? change(id) : id);
      if (typeof inner === "string") return [name, changed(inner)];
      if (Array.isArray(inner)) return [name, withFileIds(inner.map(changed), change, onMember)];
      // OpenAI's conversation may be an object with nothing but its id.
      if (name !== "conversation" || typeof inner !== "object" || inner === null || !("id" in inner))
        return [name, withFileIds(inner, change, onMember)];
      return [name, withFileIds({ ...inner, id: changed(inner.id) }, change, onMember)];
    }),
  );
}

/** Longer than any address of a file. */
const addressCharactersMax = 400;

/** Google's files wherever an address may stand: as that of a picture, say. */
function* addressesIn(value: unknown): Generator<string> {
  if (typeof value === "string") {
    const name = value.length <= addressCharactersMax && value.includes("/files/") ? googleName(value) : undefined;
    if (name !== undefined) yield name;
  } else if (typeof value === "object" && value !== null)
    for (const each of Object.values(value)) yield* addressesIn(each);
}

function* textsLikeIds(value: unknown): Generator<string> {
  if (typeof value === "string") {
    if (/^[\w~./-]{1,200}$/.test(value)) yield value;
    const name = value.length <= addressCharactersMax ? googleName(value) : undefined;
    if (name !== undefined) yield name;
  } else if (typeof value === "object" && value !== null)
    for (const each of Object.values(value)) yield* textsLikeIds(each);
}

/** How often a file is named in the text, however the letters of the name are written. */
function membersWritten(text: string): number {
  const plain = text.replace(/\\u00([0-7][0-9a-f])/gi, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
  return plain.match(membersNamed)?.length ?? 0;
}

const membersNamed = new RegExp(`"(?:${[...idMembers.keys()].join("|")})"\\s*:`, "g");
