/**
 * What is kept of what was said, on its way out of the worker: copies of question and answer, cut and bounded. Hides who
 * decides (config, key, request) and that all copies of a worker together have a limit. Absent where nothing is kept.
 */
import type { ContentLevelName } from "../config/telemetry-data.ts";
import { workerWord } from "../runtime/worker-protocol.ts";
import { contentLevel } from "../store/rows.ts";
import type { Exchange } from "./exchange.ts";
import { headersText } from "./kept-headers.ts";
import type { Plane } from "./plane.ts";
import { withoutPlainSecrets } from "./without-secrets.ts";

export type KeptContent = {
  readonly level: 1 | 2;
  readonly bytesMax: number;
  readonly request: string | null;
  /** An answer that came whole, or the bytes of a stream, one character each. */
  response: string;
  isLatin1: boolean;
  truncated: boolean;
  /** Counted in the worker's `contentBytes`. */
  held: number;
};

/** Copies of one worker that are not written yet. */
export const contentBytesMax = 64 * 1024 * 1024;

/** After the request was read, before it is sent: its bytes are given back early. */
export function keepRequest(exchange: Exchange, plane: Plane): void {
  const level = levelOf(exchange, plane);
  if (level === 0) return;
  const bytesMax = exchange.generation.data.record.contentBytesMax;
  const { body } = exchange;
  const held = Math.min(body?.length ?? 0, bytesMax) + bytesMax;
  if (plane.contentBytes + held > contentBytesMax) {
    plane.words[workerWord.contentDropped]!++;
    return;
  }
  plane.contentBytes += held;
  exchange.kept = {
    ...{ level, bytesMax, held, response: "", isLatin1: false },
    request: body === undefined ? null : body.toString("utf8", 0, bytesMax),
    truncated: (body?.length ?? 0) > bytesMax,
  };
}

/** Bytes of a stream, as latin1 text. */
export function keepPiece(kept: KeptContent, bytes: string): void {
  const room = kept.bytesMax - kept.response.length;
  kept.isLatin1 = true;
  if (bytes.length > room) kept.truncated = true;
  if (room > 0) kept.response += bytes.length > room ? bytes.slice(0, room) : bytes;
}

export function keepAnswer(kept: KeptContent, body: Buffer): void {
  kept.response = body.toString("utf8", 0, kept.bytesMax);
  if (body.length > kept.bytesMax) kept.truncated = true;
}

/** Hands it to the writer. Returns what the row says is kept. */
export function pushContent(exchange: Exchange, plane: Plane): number {
  const { kept } = exchange;
  if (kept === undefined) return contentLevel.off;
  exchange.kept = undefined;
  plane.contentBytes -= kept.held;
  const { level, request, response, isLatin1, truncated } = kept;
  const text = isLatin1 ? Buffer.from(response, "latin1").toString("utf8") : response;
  const provider = exchange.target?.provider;
  const answer = text === "" ? null : provider === undefined ? text : withoutPlainSecrets(text, provider);
  const headers = level === contentLevel.full ? headersText(exchange) : null;
  const flag = truncated ? 1 : 0;
  if (plane.contents().push(exchange.id, exchange.at, level, flag, null, request, answer, headers)) return level;
  plane.words[workerWord.contentDropped]!++;
  return contentLevel.off;
}

function levelOf(exchange: Exchange, plane: Plane): 0 | 1 | 2 {
  const { record } = exchange.generation.data;
  const { keyRow } = exchange.caller!;
  const usual = (keyRow < 0 ? undefined : plane.keys.policy(keyRow).content) ?? record.content;
  const asked = exchange.request.headers["x-bifrost-content"];
  const base = contentLevel[usual];
  if (typeof asked !== "string" || record.contentRequest === "none" || !isLevel(asked)) return base;
  const wanted = contentLevel[asked];
  return record.contentRequest === "any" || wanted < base ? wanted : base;
}

function isLevel(text: string): text is ContentLevelName {
  return text === "off" || text === "metadata" || text === "full";
}
