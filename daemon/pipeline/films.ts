/**
 * Films are made in the background and billed by the second. Hides where a request says how long and how large, and what
 * is charged: a film is charged when it is begun, for what was asked or, where the answer tells, for what will be made.
 * What is made of an earlier one is as long and as large as that, which is kept from its making.
 */
import type { Units } from "../../providers/catalog/cost.ts";
import { anySize } from "../../providers/catalog/cost.ts";
import type { Usage } from "../../providers/exchange.ts";
import { GatewayError } from "../../providers/gateway-error.ts";
import type { RequestView } from "../http/request-view.ts";
import type { Target } from "../routing/generation.ts";
import type { FilmNote } from "../store/films.ts";
import { correctCharge } from "./batch-ends.ts";
import type { Exchange } from "./exchange.ts";
import { splitId } from "./object-ids.ts";
import { namedIds } from "./objects.ts";
import type { Plane } from "./plane.ts";
import { read } from "./read.ts";
import { isForm, readAnything, readForm } from "./read-form.ts";

/** What is asked for, as far as it is said. */
export type Film = {
  readonly ms: number | undefined;
  readonly size: string | undefined;
  readonly count: number;
};

/** Held for where nothing says how long. */
const longestMs = 20_000;
const secondsMax = 3_600;
const countMax = 100;

/** A film is begun: by a model that the request names, or from an earlier film. */
export function beginsFilm({ request, route, rest }: Exchange): boolean {
  return route.operation === "videos" && request.method === "POST" && (rest === "" || rest.endsWith("/remix"));
}

/** Which model makes it only its request says, as with every other call. */
export function isFilmOfModel({ film, rest }: Exchange): boolean {
  return film !== undefined && rest === "";
}

export async function readFilm(exchange: Exchange, plane: Plane): Promise<RequestView> {
  return exchange.rest === "" ? readNew(exchange, plane) : readRemix(exchange, plane);
}

async function readNew(exchange: Exchange, plane: Plane): Promise<RequestView> {
  if (isForm(exchange)) {
    const view = await readForm(exchange, plane);
    const { fields } = exchange.upload!.form!;
    const told = (name: string): string | undefined => fields.get(name)?.value;
    exchange.film = filmOf({ seconds: told("seconds"), size: told("size"), n: told("n") });
    return view;
  }
  const view = await read(exchange, plane);
  if (view.model === undefined) throw wrong("model", "is required");
  const body = JSON.parse(exchange.body!.toString("utf8")) as Fields;
  exchange.film = exchange.route.dialect.id === "gemini" ? predictedFilm(body) : filmOf(body);
  return view;
}

/** Nothing in it says how long: it is as the one that it is made from. */
async function readRemix(exchange: Exchange, plane: Plane): Promise<RequestView> {
  const isJson = /\bjson\b/i.test(exchange.request.headers["content-type"] ?? "");
  const view = isJson ? await read(exchange, plane) : readAnything(exchange);
  const [id = ""] = namedIds(exchange);
  const { provider } = splitId(decodeURIComponent(exchange.rest.split("/")[1] ?? ""));
  const before = await plane.responses.findNote("film", provider, id);
  exchange.film = { ms: before?.ms, size: before?.size, count: 1 };
  exchange.view = { ...view, model: before?.target.slice(before.target.indexOf("/") + 1) };
  return exchange.view;
}

type Fields = Readonly<Record<string, unknown>>;

/** Google's words; Veo's films are eight seconds long where nothing says. */
function predictedFilm({ instances, parameters }: Fields): Film {
  const { durationSeconds: seconds = 8, resolution: size, sampleCount: n } = (parameters ?? {}) as Fields;
  if (!Array.isArray(instances) || instances.length === 0) throw wrong("instances", "is required");
  const film = filmOf({ seconds, size, n });
  return { ...film, count: film.count * instances.length };
}

function filmOf({ seconds, size, n: count }: Fields): Film {
  return {
    ms: whole("seconds", seconds, secondsMax, 1_000),
    size: sizeOf(size),
    count: whole("n", count, countMax, 1) ?? 1,
  };
}

/** In OpenAI's words a text, in others' a number. */
function whole(name: string, value: unknown, most: number, scale: number): number | undefined {
  if (value === undefined || value === null) return undefined;
  const told = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  const scaled = typeof told === "number" ? told * scale : Number.NaN;
  if (Number.isInteger(scaled) && scaled > 0 && scaled <= most * scale) return scaled;
  throw wrong(name, `must be a number between 1 and ${most}`);
}

function sizeOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string" && /^[\w:.-]{1,32}$/.test(value)) return value;
  throw wrong("size", "must be a size, such as 1280x720");
}

function wrong(param: string, what: string): GatewayError {
  return new GatewayError("invalid_request", `${param} ${what}`, { source: "client", param });
}

/** The most that it can be billed. */
export function filmBound({ ms, size, count }: Film): Units {
  return { videoMs: (ms ?? longestMs) * count, videoSize: size ?? anySize };
}

/** What it is billed, and whether that is a guess. */
export function filmUsed({ ms, size, count }: Film, told: Usage | undefined) {
  const each = told?.videoMs ?? ms;
  const units: Units = { videoMs: (each ?? longestMs) * count, videoSize: told?.videoSize ?? size };
  return { units, isEstimate: each === undefined };
}

/** What the answer tells of what will be made; undefined: it was refused after all. */
export function filmTold(answer: Buffer): Usage | undefined {
  const told = JSON.parse(answer.toString("utf8")) as Fields;
  if (told["status"] === "failed") return undefined;
  const ms = Number(told["seconds"]) * 1_000;
  const { size } = told;
  return {
    videoMs: Number.isInteger(ms) && ms > 0 && ms <= secondsMax * 1_000 ? ms : undefined,
    videoSize: typeof size === "string" ? size : undefined,
  };
}

/** What comes of it later is asked about by its id alone: what is known now is kept. */
export async function keepFilm(exchange: Exchange, answer: Buffer, plane: Plane): Promise<void> {
  const { film, target, usage, settlement } = exchange;
  const { name, id = name } = JSON.parse(answer.toString("utf8")) as { readonly id?: unknown; readonly name?: unknown };
  if (typeof id !== "string") return;
  const note: FilmNote = {
    target: target!.name,
    ms: usage?.videoMs === undefined ? film!.ms : usage.videoMs / film!.count,
    size: usage?.videoSize ?? film!.size,
    holdId: settlement?.holdId ?? exchange.id,
    request: exchange.id,
  };
  // It was begun and paid for: whoever asked gets its id, even if what follows from this note is lost.
  await plane.responses.note("film", target!.provider.name, [splitId(id).id], note).catch(() => {});
}

/** What it says may be that nothing comes of it. */
export function tellsOfFilm({ request, route, rest }: Exchange): boolean {
  if (route.operation === "video_fetch") return true;
  if (route.operation !== "videos" && route.operation !== "video_operations") return false;
  return request.method === "GET" && rest !== "" && !rest.endsWith("/content");
}

/** A film that failed is not paid for: whoever hears of it first has it given back, and it is once. */
export async function giveBackFailed(
  exchange: Exchange,
  { provider }: Target,
  answer: Buffer,
  plane: Plane,
): Promise<void> {
  if (!hasFailed(answer)) return;
  const [id = ""] = namedIds(exchange);
  // What cannot be given back now is when it is asked about again.
  const film = await plane.responses.findNote("film", provider.name, id).catch(() => undefined);
  if (film === undefined) return;
  const { holdId, request, target } = film;
  const nothing = { toNano: 0, isEstimate: false, input: 0, output: 0, served: 0, results: 1 };
  await correctCharge({ of: "film", holdId, request, target, ...nothing }, plane);
}

function hasFailed(answer: Buffer): boolean {
  const { status, done, error } = JSON.parse(answer.toString("utf8")) as Fields;
  return status === "failed" || (done === true && typeof error === "object" && error !== null);
}
