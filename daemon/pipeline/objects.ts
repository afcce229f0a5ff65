/**
 * Files and batches live at the provider that made them. Hides how a caller's id names it: `openai~file-abc` is
 * `file-abc` at `openai`, so that whoever has the id need not say where it is.
 */
import type { Dialect } from "../../providers/exchange.ts";
import { GatewayError } from "../../providers/gateway-error.ts";
import type { Exchange } from "./exchange.ts";
import { type Answer, decodeFailure, failureBytesMax } from "./relay-body.ts";
import type { Receiver } from "./upstream-call.ts";

const between = "~";
/** A list of a thousand files is about half a megabyte. */
const objectBytesMax = 16 * 1024 * 1024;
/** The most that all of the usual lists allow in a page. */
const listedAtOnce = 100;
/** Fields that hold an id of the provider's, wherever they stand. */
const idFields: ReadonlySet<string> = new Set([
  "id",
  "file_id",
  "input_file_id",
  "output_file_id",
  "error_file_id",
  "batch_id",
  "first_id",
  "last_id",
]);

/** The provider that an id names, and the id as the provider knows it. */
export function splitId(id: string): { readonly provider: string | undefined; readonly id: string } {
  const at = id.indexOf(between);
  return at <= 0 ? { provider: undefined, id } : { provider: id.slice(0, at), id: id.slice(at + 1) };
}

/** Which provider this call is for: by the id in the path or body, by the query, or undefined where nothing says. */
export function namedProvider({ rest, request, body }: Exchange): string | undefined {
  const inPath = splitId(pathId(rest)).provider;
  if (inPath !== undefined) return inPath;
  const asked = new URLSearchParams(queryOf(request.url)).get("provider");
  if (asked !== null && asked !== "") return asked;
  if (body === undefined) return undefined;
  const { input_file_id: input } = JSON.parse(body.toString("utf8")) as { input_file_id?: unknown };
  return typeof input === "string" ? splitId(input).provider : undefined;
}

/** What a call is about, as the provider knows it: the id in its path, and the file that a batch is to read. */
export function namedIds({ rest, body }: Exchange): readonly string[] {
  const inPath = splitId(pathId(rest)).id;
  if (inPath !== "") return [inPath];
  if (body === undefined) return [];
  const { input_file_id: input } = JSON.parse(body.toString("utf8")) as { input_file_id?: unknown };
  return typeof input === "string" ? [splitId(input).id] : [];
}

export function objectPath({ rest, request, listing }: Exchange, base: string): string {
  const [first = "", ...more] = rest.split("/").slice(1);
  const id = first === "" ? "" : `/${encodeURIComponent(splitId(decoded(first)).id)}`;
  if (more.length > 1 || more.some((word) => word !== "content" && word !== "cancel"))
    throw new GatewayError("route_not_found", "there is nothing at this path", { source: "client" });
  const query = new URLSearchParams(queryOf(request.url));
  query.delete("provider");
  for (const name of ["after", "before"]) {
    const value = query.get(name);
    if (value !== null) query.set(name, splitId(value).id);
  }
  if (listing?.after !== undefined) query.set("after", listing.after);
  const limit = query.get("limit");
  if (listing !== undefined && limit !== null) query.set("limit", String(Math.max(Number(limit) || 0, listedAtOnce)));
  const path = base + id + more.map((word) => `/${word}`).join("");
  return query.size === 0 ? path : `${path}${path.includes("?") ? "&" : "?"}${query}`;
}

/** A batch names its file as its caller does; the provider wants its own name for it. */
export function objectBody({ body }: Exchange): Buffer {
  const value: unknown = JSON.parse(body!.toString("utf8"));
  return Buffer.from(JSON.stringify(mapIds(value, (id) => splitId(id).id)));
}

function pathId(rest: string): string {
  return decoded(rest.split("/")[1] ?? "");
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

function mapIds(value: unknown, change: (id: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => mapIds(item, change));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      name === "metadata"
        ? inner
        : idFields.has(name) && typeof inner === "string"
          ? change(inner)
          : mapIds(inner, change),
    ]),
  );
}

export type ObjectOutcome = { answered(answer: Answer): void; failed(error: GatewayError): void };

/** Collects what a provider says of its objects, and puts its name to their ids. */
export class ObjectReceiver implements Receiver {
  readonly #dialect: Dialect;
  readonly #provider: string;
  readonly #outcome: ObjectOutcome;
  readonly #chunks: Buffer[] = [];
  #length = 0;
  #status = 0;
  #over = false;

  constructor(dialect: Dialect, provider: string, outcome: ObjectOutcome) {
    this.#dialect = dialect;
    this.#provider = provider;
    this.#outcome = outcome;
  }

  head(status: number): void {
    this.#status = status;
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
      value = JSON.parse(Buffer.concat(this.#chunks).toString("utf8"));
    } catch {
      this.fail(unreadable("is not valid JSON"));
      return;
    }
    this.#over = true;
    const body = Buffer.from(JSON.stringify(mapIds(value, (id) => `${this.#provider}${between}${id}`)));
    const answer = { status: this.#status, contentType: "application/json", body, usage: undefined, outputBytes: 0 };
    this.#outcome.answered(answer);
  }

  fail(error: GatewayError): void {
    if (this.#over) return;
    this.#over = true;
    this.#outcome.failed(error);
  }

  #failure(): GatewayError {
    return decodeFailure(this.#dialect, this.#status, Buffer.concat(this.#chunks), undefined);
  }
}

function unreadable(what: string): GatewayError {
  return new GatewayError("upstream_protocol", `the provider's answer ${what}`, { source: "provider" });
}
