/**
 * Files, batches and containers live at the provider that made them. Hides where at it a call goes, and that the ids a
 * caller sees name the provider (`object-ids.ts`).
 */
import type { Dialect } from "../../providers/exchange.ts";
import { GatewayError } from "../../providers/gateway-error.ts";
import type { Exchange } from "./exchange.ts";
import type { Family } from "./families.ts";
import { joinId, mapIds, splitId } from "./object-ids.ts";
import { ownAddress } from "./own-address.ts";
import { nextPage } from "./paging.ts";
import { type Answer, decodeFailure, failureBytesMax } from "./relay-body.ts";
import { continuesUpload, tokenOf, uploadHeaders, uploadPath } from "./uploads.ts";
import type { Receiver } from "./upstream-call.ts";

/** A list of a thousand files is about half a megabyte. */
const objectBytesMax = 16 * 1024 * 1024;

/** Which provider this call is for: by the id in the path or body, by the query, or undefined where nothing says. */
export function namedProvider(exchange: Exchange): string | undefined {
  const { request, view } = exchange;
  const inPath = splitId(pathId(exchange)).provider;
  if (inPath !== undefined) return inPath;
  if (continuesUpload(exchange)) return splitId(tokenOf(request.url)!).provider;
  const asked = new URLSearchParams(queryOf(request.url)).get("provider");
  if (asked !== null && asked !== "") return asked;
  const input = inputFile(exchange);
  const provider = input === undefined ? undefined : splitId(input).provider;
  return provider ?? view?.preferences?.provider?.only?.[0];
}

/** What a call is about, as the provider knows it: the id in its path, and the file that a batch is to read. */
export function namedIds(exchange: Exchange): readonly string[] {
  const { route } = exchange;
  const inPath = splitId(pathId(exchange)).id;
  if (inPath !== "") return [`${route.family!.folder}${inPath}`];
  if (continuesUpload(exchange)) return [splitId(tokenOf(exchange.request.url)!).id];
  const input = inputFile(exchange);
  return input === undefined ? [] : [splitId(input).id];
}

/** The file that a batch is to read, as the provider knows it. */
export function batchFileOf(exchange: Exchange): string | undefined {
  const input = inputFile(exchange);
  return input === undefined ? undefined : splitId(input).id;
}

/** OpenAI's batches read a file, and so may Google's; Vertex is asked about a film by its name. */
function inputFile({ body, route }: Exchange): string | undefined {
  if (body === undefined) return undefined;
  const told = JSON.parse(body.toString("utf8")) as Readonly<Record<string, unknown>>;
  if (route.operation === "video_fetch") return operationName(told["operationName"]);
  if (typeof told["input_file_id"] === "string") return told["input_file_id"];
  const { batch } = told as {
    readonly batch?: Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>;
  };
  const config = batch?.["inputConfig"] ?? batch?.["input_config"];
  const name = config?.["fileName"] ?? config?.["file_name"];
  return typeof name === "string" ? name : undefined;
}

function operationName(told: unknown): string {
  if (typeof told === "string" && /\/operations\/[\w.~-]+$/.test(told)) return told;
  throw new GatewayError("invalid_request", "operationName: must be the name of an operation", {
    source: "client",
    param: "operationName",
  });
}

/** Something inside of what the path names, as a file in a container is. */
export function isInside({ rest, route }: Exchange): boolean {
  if (route.family?.isWhole === true) return false;
  return rest.split("/").length > 3 || rest.endsWith("/files");
}

export function objectPath(exchange: Exchange, base: string): string {
  if (continuesUpload(exchange)) return uploadPath(exchange, base);
  const { rest, request, listing, route } = exchange;
  const family = route.family!;
  const words = rest
    .split("/")
    .slice(1)
    .map((word, index) => (index % 2 === 0 ? idInPath(word, family) : word));
  const query = new URLSearchParams(queryOf(request.url));
  query.delete("provider");
  if (route.dialect.id === "gemini") query.delete("key"); // ours
  page(query, family, listing);
  const path = base + words.map((word) => `/${word}`).join("");
  return query.size === 0 ? path : `${path}${path.includes("?") ? "&" : "?"}${query}`;
}

function page(query: URLSearchParams, { paging }: Family, listing: Exchange["listing"]): void {
  const { ids } = paging;
  for (const name of ["ids", "ids[]"]) {
    const named = query.getAll(name);
    query.delete(name);
    for (const id of named) query.append(name, splitId(id).id);
  }
  for (const name of ids === undefined ? [] : [ids.after, ids.before]) {
    const value = query.get(name);
    if (value !== null) query.set(name, splitId(value).id);
  }
  if (listing !== undefined) nextPage(query, paging, listing);
}

/** Google's ids end with a colon and a verb. */
function idInPath(word: string, { folder }: Family): string {
  const verb = folder === "" ? -1 : word.lastIndexOf(":");
  const id = verb < 0 ? word : word.slice(0, verb);
  return encodeURIComponent(splitId(decoded(id)).id) + (verb < 0 ? "" : word.slice(verb));
}

/** A batch names its file as its caller does; the provider wants its own name for it. */
export function objectBody(exchange: Exchange): Buffer {
  const { body, route } = exchange;
  const family = route.family!;
  // Google reads a name in two spellings: what was not looked at is not told.
  if (route.operation === "video_fetch")
    return Buffer.from(JSON.stringify({ operationName: splitId(inputFile(exchange)!).id }));
  if (!family.translates) return body!;
  const value: unknown = JSON.parse(body!.toString("utf8"));
  return Buffer.from(JSON.stringify(mapIds(value, family, (id) => splitId(id).id)));
}

function pathId({ rest, route }: Exchange): string {
  if (route.family?.isWhole === true) return decoded(rest.slice(1));
  return decoded(rest.split("/")[1] ?? "").replace(/:[a-z]+$/i, "");
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new GatewayError("invalid_request", "the id in the path is not valid percent-encoding", {
      source: "client",
    });
  }
}

function queryOf(url: string | undefined): string {
  const at = url?.indexOf("?") ?? -1;
  return at < 0 ? "" : url!.slice(at + 1);
}

export type ObjectOutcome = { answered(answer: Answer): void; failed(error: GatewayError): void };

/** Collects what a provider says of its objects, and puts its name to their ids. */
export class ObjectReceiver implements Receiver {
  readonly #exchange: Exchange;
  readonly #dialect: Dialect;
  readonly #provider: string;
  readonly #outcome: ObjectOutcome;
  readonly #chunks: Buffer[] = [];
  #length = 0;
  #status = 0;
  #headers: readonly string[] = [];
  #over = false;

  constructor(exchange: Exchange, dialect: Dialect, provider: string, outcome: ObjectOutcome) {
    this.#exchange = exchange;
    this.#dialect = dialect;
    this.#provider = provider;
    this.#outcome = outcome;
  }

  head(status: number, headers: Readonly<Record<string, string | string[] | undefined>>): void {
    this.#status = status;
    if (status >= 300 || this.#exchange.route.operation !== "uploads") return;
    const { pairs, made } = uploadHeaders(this.#exchange, this.#provider, headers);
    this.#headers = pairs;
    if (made !== undefined) this.#exchange.begun?.push(made);
  }

  chunk(bytes: Buffer): void {
    this.#length += bytes.length;
    this.#chunks.push(bytes);
    if (this.#length > (this.#status >= 300 ? failureBytesMax : objectBytesMax)) {
      throw this.#status >= 300 ? this.#failure() : unreadable(`is longer than ${objectBytesMax} bytes`);
    }
  }

  end(): void {
    if (this.#over) return;
    if (this.#status >= 300) {
      this.fail(this.#failure());
      return;
    }
    let value: unknown;
    try {
      value = this.#length === 0 ? {} : JSON.parse(Buffer.concat(this.#chunks).toString("utf8"));
    } catch {
      this.fail(unreadable("is not valid JSON"));
      return;
    }
    this.#over = true;
    const family = this.#exchange.route.family!;
    const named = mapIds(value, family, (id) => joinId(this.#provider, id));
    const body = Buffer.from(JSON.stringify(this.#atHome(named)));
    this.#outcome.answered({
      status: this.#status,
      contentType: "application/json",
      headers: this.#headers,
      body,
      usage: undefined,
      outputBytes: 0,
    });
  }

  fail(error: GatewayError): void {
    if (this.#over) return;
    this.#over = true;
    this.#outcome.failed(error);
  }

  /** Anthropic tells where results are, and its SDK takes our key there: it has to be here. */
  #atHome(value: unknown): unknown {
    if (typeof value !== "object" || value === null) return value;
    const { id, data, results_url: url } = value as Readonly<Record<string, unknown>>;
    if (Array.isArray(data)) return { ...value, data: data.map((item) => this.#atHome(item)) };
    if (typeof url !== "string" || typeof id !== "string") return value;
    const base = ownAddress(this.#exchange, this.#exchange.rest);
    return { ...value, results_url: `${base}/${encodeURIComponent(id)}/results` };
  }

  #failure(): GatewayError {
    return decodeFailure(this.#dialect, this.#status, Buffer.concat(this.#chunks), undefined);
  }
}

function unreadable(what: string): GatewayError {
  return new GatewayError("upstream_protocol", `the provider's answer ${what}`, { source: "provider" });
}
