/**
 * The fault matrix as data: every fault, each way an upstream can commit it, and what the caller must be told.
 * The test plays it for every pair of dialects; `npm run fault-matrix` prints it. A cell that has no meaning says why.
 */
import type { ErrorCode } from "../../providers/gateway-error.ts";
import type { Caller } from "../support/client.ts";
import { isBinary, type Wire, wires } from "../support/wire-frames.ts";

export type Mode = "stream" | "whole";

export type Expectation =
  /** Nothing reached the client: a status of its own, and a healthy fallback saves the call. */
  | {
      readonly kind: "refused";
      readonly status: number;
      readonly codes: readonly ErrorCode[];
      readonly retryAfter?: string;
    }
  /** Content had been released: the error is told in band, and nobody else is tried. */
  | { readonly kind: "broken"; readonly codes: readonly ErrorCode[] }
  /** The whole answer, as if nothing had happened. */
  | { readonly kind: "answered"; readonly usage?: "known" | "unknown" }
  /** Bytes that are relayed are not read; where they are translated the answer is broken. */
  | { readonly kind: "unread"; readonly codes: readonly ErrorCode[] };

export type PlainExpectation = Exclude<Expectation, { readonly kind: "unread" }>;

export type FaultCase = {
  readonly fault: string;
  /** The behaviour of the misbehaving upstream; `refused` needs none. */
  readonly behaviour: string;
  readonly modes: readonly Mode[];
  /** Which set of timers: a small one for faults that are waited out, `short` for the first byte. */
  readonly patience?: "short" | "idle";
  readonly expect: Expectation;
  /** Where the wire of the upstream decides. */
  readonly expectOf?: (wire: Wire, mode: Mode) => Expectation | undefined;
  /** The fault is in lines of text: a binary wire has none. */
  readonly lines?: true;
};

const both: readonly Mode[] = ["stream", "whole"];
const refused = (status: number, ...codes: ErrorCode[]): Expectation => ({ kind: "refused", status, codes });
const broken = (...codes: ErrorCode[]): PlainExpectation => ({ kind: "broken", codes });
const unreadable = refused(502, "upstream_protocol", "upstream_truncated", "upstream_error");
const answered: Expectation = { kind: "answered", usage: "known" };

const statuses: readonly [status: number, expect: Expectation][] = [
  [401, refused(502, "upstream_credential")],
  [403, refused(502, "upstream_credential")],
  [429, refused(429, "rate_limit_exceeded")],
  [500, refused(502, "upstream_error")],
  [503, refused(503, "upstream_overloaded")],
  [529, refused(503, "upstream_overloaded")],
];

export const faultCases: readonly FaultCase[] = [
  { fault: "F1", behaviour: "refused", modes: both, expect: refused(502, "upstream_unreachable") },

  { fault: "F2", behaviour: "f2-silent", modes: both, patience: "short", expect: refused(504, "upstream_timeout") },
  { fault: "F2", behaviour: "f2-head-only", modes: both, patience: "short", expect: refused(504, "upstream_timeout") },

  ...["f3-reset", "f3-close", "f3-half-head", "f3-not-http"].map((behaviour) => ({
    fault: "F3",
    behaviour,
    modes: both,
    expect: refused(502, "upstream_unreachable", "upstream_error", "upstream_protocol", "upstream_truncated"),
  })),

  ...statuses.flatMap(([status, expect]): FaultCase[] => [
    { fault: "F4", behaviour: `f4-${status}`, modes: both, expect },
    {
      fault: "F4",
      behaviour: `f4-${status}-retry`,
      modes: both,
      // Whoever may be asked again says when; a bad credential of ours does not heal by waiting.
      expect: expect.kind === "refused" && status >= 429 ? { ...expect, retryAfter: "7" } : expect,
    },
  ]),
  { fault: "F4", behaviour: "f4-500-html", modes: both, expect: refused(502, "upstream_error") },

  { fault: "F5", behaviour: "f5-error-body", modes: both, expect: refused(502, "upstream_error") },
  {
    fault: "F5",
    behaviour: "f5-error-event",
    modes: ["stream"],
    expect: refused(502, "upstream_error"),
    expectOf: (wire) => (wire === "anthropic" ? refused(503, "upstream_overloaded") : undefined),
  },
  {
    fault: "F5",
    behaviour: "f5-error-after-preamble",
    modes: ["stream"],
    expect: refused(502, "upstream_error"),
    expectOf: (wire) => (wire === "anthropic" ? refused(503, "upstream_overloaded") : undefined),
  },
  { fault: "F5", behaviour: "f5-empty", modes: both, expect: unreadable },
  { fault: "F5", behaviour: "f5-not-json", modes: both, expect: unreadable },

  ...["f6-close", "f6-reset", "f6-end"].map((behaviour) => ({
    fault: "F6",
    behaviour,
    modes: ["stream"] as const,
    expect: refused(502, "upstream_truncated", "upstream_error", "upstream_protocol", "upstream_unreachable"),
  })),

  { fault: "F7", behaviour: "f7-close", modes: ["stream"], expect: broken("upstream_truncated") },
  { fault: "F7", behaviour: "f7-reset", modes: ["stream"], expect: broken("upstream_truncated") },
  {
    fault: "F7",
    behaviour: "f7-error-event",
    modes: ["stream"],
    expect: broken("upstream_error", "upstream_overloaded"),
  },
  {
    fault: "F7",
    behaviour: "f7-short-body",
    modes: ["whole"],
    expect: refused(502, "upstream_truncated", "upstream_protocol", "upstream_error", "upstream_unreachable"),
  },

  { fault: "F8", behaviour: "f8-stall", modes: ["stream"], patience: "idle", expect: broken("upstream_timeout") },
  {
    fault: "F8",
    behaviour: "f8-stall-body",
    modes: ["whole"],
    patience: "idle",
    expect: refused(504, "upstream_timeout"),
  },

  {
    fault: "F9",
    behaviour: "f9-malformed",
    modes: ["stream"],
    expect: { kind: "unread", codes: ["upstream_protocol"] },
  },
  {
    fault: "F9",
    behaviour: "f9-malformed-body",
    modes: ["whole"],
    expect: unreadable,
  },

  ...["f10-bytes", ...splits()].map((behaviour) => ({
    fault: "F10",
    behaviour,
    modes: ["stream"] as const,
    expect: answered,
  })),
  ...["f10-crlf", "f10-cr", "f10-bom", "f10-comments"].map((behaviour) => ({
    fault: "F10",
    behaviour,
    modes: ["stream"] as const,
    expect: answered,
    lines: true as const,
  })),

  {
    fault: "F11",
    behaviour: "f11-no-terminal",
    modes: ["stream"],
    expect: { kind: "answered" },
    // There the last word is what tells the finish.
    expectOf: (wire) => (wire === "openai-responses" || wire === "cohere" ? broken("upstream_truncated") : undefined),
  },
  { fault: "F11", behaviour: "f11-no-finish", modes: ["stream"], expect: broken("upstream_truncated") },

  { fault: "F12", behaviour: "f12-usage-twice", modes: ["stream"], expect: answered },
  { fault: "F12", behaviour: "f12-usage-never", modes: both, expect: { kind: "answered", usage: "unknown" } },

  { fault: "F15", behaviour: "f15-big-event", modes: both, expect: { kind: "answered" } },
];

/** F13 and F14 are about the client; the test plays them by hand under these names. */
export const clientCases: readonly {
  readonly fault: string;
  readonly behaviour: string;
  readonly modes: readonly Mode[];
}[] = [
  { fault: "F13", behaviour: "leaves-before-first-byte", modes: both },
  { fault: "F13", behaviour: "leaves-after-first-byte", modes: ["stream"] },
  { fault: "F13", behaviour: "leaves-at-the-end", modes: ["stream"] },
  { fault: "F14", behaviour: "reads-slowly", modes: ["stream"] },
];

/** Cells that mean nothing, and why: printed, so that none is missing silently. */
export const meaningless: Readonly<Record<string, string>> = {
  "F6 whole": "an answer that is not streamed has no preamble",
  "F10 whole": "there are no events in a whole body; its bytes may be cut anywhere by TCP, as in every test",
  "F11 whole": "a whole body has no terminal event; a short one is F7",
  "F14 whole": "the whole answer is bounded by its own length",
};

export const clients: readonly Caller[] = ["chat", "messages", "responses", "gemini", "converse", "cohere"];
export const modes: readonly Mode[] = both;
export const faults = Array.from({ length: 15 }, (_, index) => `F${index + 1}`);

export function cellName(fault: string, client: string, wire: Wire, mode: Mode, behaviour: string): string {
  return `${fault} serve() ${client} → ${wire}, ${mode}: ${behaviour}`;
}

export const cellPattern = /(F\d+) serve\(\) (\w+) → ([\w-]+), (stream|whole): (\S+)/;

/** Set to `all`: every cell. */
export const matrixVariable = "BIFROST_FAULT_MATRIX";

/**
 * The cells that are played in every test run. What a client is told and what an upstream says are code of their own, so
 * each fault meets every client and every wire once, by a Latin square that turns with the fault; the diagonals, which
 * are relayed, and the first two dialects are always played. `npm run fault-matrix` plays all.
 */
export function isPlayed(client: Caller, wire: Wire, number: number): boolean {
  if (process.env[matrixVariable] === "all") return true;
  const [row, column] = [clients.indexOf(client), wires.indexOf(wire)];
  return row === column || (row < 2 && column < 2) || (row + column + number) % wires.length === 0;
}

/** What is expected where this client meets this wire. */
export function expectationOf(fault: FaultCase, client: Caller, wire: Wire, mode: Mode): PlainExpectation {
  const expect = fault.expectOf?.(wire, mode) ?? fault.expect;
  if (expect.kind !== "unread") return expect;
  return clients.indexOf(client) === wires.indexOf(wire) ? { kind: "answered" } : broken(...expect.codes);
}

export const noLines =
  "it has no lines, so neither line ends, a byte order mark nor comments; its bytes are cut everywhere";

/** A cell that means nothing on this wire. */
export function isMeaningless(fault: FaultCase, wire: Wire): boolean {
  return fault.lines === true && isBinary(wire);
}

/** Every byte is cut by `f10-bytes`; these are two writes, at places spread over the answer. */
function splits(): string[] {
  return Array.from({ length: 12 }, (_, index) => `f10-split+at=${index * 67 + 13}`);
}
