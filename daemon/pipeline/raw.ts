/**
 * What was sent to the provider and what it answered, as it was, in `extra_fields`: for callers who ask for it, where
 * the config and their key allow it. Hides who may, how much is kept, and that our credentials are masked should a
 * provider repeat them. Whoever does not ask pays for nothing of it.
 */
import type { Provider } from "../routing/generation.ts";
import type { RawWish } from "../routing/preferences.ts";
import type { Exchange } from "./exchange.ts";
import { shownHeaders } from "./kept-headers.ts";
import type { Plane } from "./plane.ts";
import type { Receiver } from "./upstream-call.ts";
import { withoutSecrets } from "./without-secrets.ts";

export type Raw = {
  readonly wish: RawWish;
  /** Why nothing is shown. */
  readonly refused: string | undefined;
  provider: Provider | undefined;
  sent: Buffer | undefined;
  /** A whole answer, or what came in place of a stream. */
  readonly came: Buffer[];
  cameBytes: number;
};

/** Of each body; what is longer is cut, and then is text. */
export const rawBytesMax = 1024 * 1024;
/** Kept behind it, so that a credential that stands across the cut is masked whole first. */
const marginBytes = 16 * 1024;

export function askRaw(exchange: Exchange, plane: Plane): void {
  const { view, generation, caller } = exchange;
  const { rawBodies } = generation.data.auth;
  const { keyRow } = caller!;
  const refused =
    rawBodies === "off"
      ? "auth.raw_bodies is off"
      : rawBodies === "keys" && (keyRow < 0 || plane.keys.policy(keyRow).raw !== true)
        ? "this API key may not be shown raw bodies"
        : undefined;
  exchange.raw = unasked({ wish: view!.preferences!.raw!, refused });
}

/** For an attempt of its own. */
export function unasked({ wish, refused }: Pick<Raw, "wish" | "refused">): Raw {
  return { wish, refused, provider: undefined, sent: undefined, came: [], cameBytes: 0 };
}

/** Each attempt begins anew: what is told is of the last. */
export function rawSent(raw: Raw, body: Buffer | undefined, provider: Provider): void {
  raw.provider = provider;
  raw.sent =
    raw.wish.request === true && raw.refused === undefined ? body?.subarray(0, rawBytesMax + marginBytes) : undefined;
  raw.came.length = 0;
  raw.cameBytes = 0;
}

/** Hears what the receiver hears. Of a stream that goes well only its events are told, each with its own. */
export function tapped(raw: Raw, receiver: Receiver, streamed: boolean): Receiver {
  if (raw.wish.response !== true || raw.refused !== undefined) return receiver;
  let isKept = true;
  return {
    head(status, headers) {
      isKept = !streamed || status >= 300 || String(headers["content-type"]).includes("json");
      receiver.head(status, headers);
    },
    chunk(bytes) {
      if (isKept && raw.cameBytes <= rawBytesMax + marginBytes) {
        raw.came.push(bytes);
        raw.cameBytes += bytes.length;
      }
      receiver.chunk(bytes);
    },
    end: () => receiver.end(),
    fail: (error) => receiver.fail(error),
    tick: (now) => receiver.tick?.(now),
  };
}

/** Members of `extra_fields`, as JSON text without braces, each after a comma; of an answer that came whole. */
export function rawMembers(exchange: Exchange): string {
  const { raw } = exchange;
  if (raw === undefined) return "";
  if (raw.refused !== undefined) return `,"raw_refused":${JSON.stringify(raw.refused)}`;
  const came = raw.came.length === 0 ? undefined : Buffer.concat(raw.came);
  return `${headMembers(exchange, raw)}${came === undefined ? "" : member(raw, "raw_response", came)}`;
}

/** The same of a stream: what is told once comes with its first event, and with each what it was made of. */
export function rawEvents(exchange: Exchange): ((data: string) => string) | undefined {
  const { raw } = exchange;
  if (raw === undefined) return undefined;
  let isFirst = true;
  return (data) => {
    const head = isFirst ? (raw.refused === undefined ? headMembers(exchange, raw) : rawMembers(exchange)) : "";
    isFirst = false;
    const tells = data !== "" && raw.wish.response === true && raw.refused === undefined;
    return tells ? head + member(raw, "raw_response", data) : head;
  };
}

function headMembers({ upstreamHeaders }: Exchange, raw: Raw): string {
  const sent = raw.sent === undefined ? "" : member(raw, "raw_request", raw.sent);
  if (raw.wish.response !== true || upstreamHeaders === undefined) return sent;
  const headers = withoutSecrets(JSON.stringify(shownHeaders(upstreamHeaders)), raw.provider!);
  return `${sent},"provider_response_headers":${headers}`;
}

function member({ provider }: Raw, name: string, told: string | Buffer): string {
  const text = told.toString();
  return `,"${name}":${asJson(cut(provider === undefined ? text : withoutSecrets(text, provider)))}`;
}

function cut(text: string): string {
  return text.length * 3 <= rawBytesMax ? text : Buffer.from(text).toString("utf8", 0, rawBytesMax);
}

/** On one line, for it may stand in an event. What is no JSON is told as text. */
function asJson(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    return /[\r\n]/.test(text) ? JSON.stringify(value) : text.trim();
  } catch {
    return JSON.stringify(text);
  }
}
