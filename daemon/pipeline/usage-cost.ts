/**
 * `usage.cost`, for callers who ask for it: OpenRouter's `usage: {"include": true}` or `x-bifrost-usage-cost: true`. Hides
 * where in an answer usage stands, and that only that object is written anew, so that every other byte stays as it came.
 * Whoever does not ask costs nothing and gets the provider's bytes.
 */
import type { DialectId, Usage } from "../../providers/exchange.ts";
import { dollars } from "../governance/money.ts";
import { skipColon, skipSpace, skipString, skipValue } from "../http/json-skip.ts";
import { settlementFlag } from "../store/rows.ts";
import type { Lease } from "./admit.ts";
import type { Exchange } from "./exchange.ts";
import type { Pump } from "./relay-stream.ts";
import { quote } from "./settle.ts";

const speaking: ReadonlySet<DialectId> = new Set(["openai-chat", "openai-responses"]);

export function tellsCost({ view, route }: Exchange): boolean {
  return view?.preferences?.tellsCost === true && speaking.has(route.dialect.id);
}

type Told = { readonly costNano: number | undefined; readonly isEstimate: boolean; readonly provider: string };

/** An answer that comes whole, once it is settled. */
export function withUsageCost(exchange: Exchange, body: Buffer, contentType: string): Buffer {
  if (!contentType.includes("json")) return body;
  const isEstimate = (exchange.settlementFlags & settlementFlag.estimated) !== 0;
  const told = { costNano: exchange.costNano, isEstimate, provider: exchange.target!.provider.name };
  return rewritten(body, exchange.route.dialect.id, told) ?? body;
}

/** Around the pump of a stream: the frames that tell its usage tell what it costs. */
export function costPump(inner: Pump, exchange: Exchange, lease: Lease): Pump {
  const before = exchange.costNano;
  const { id } = exchange.route.dialect;

  function tell(out: string, usage: Usage | undefined): string {
    if (usage === undefined || !out.includes('"usage"')) return out;
    const end = { sent: true, refused: false, usage, finished: true, outputBytes: inner.outputBytes() };
    const { costNano, isEstimate } = quote(exchange, lease, end);
    const sum = before === undefined || costNano === undefined ? undefined : before + costNano;
    const told = { costNano: sum, isEstimate, provider: lease.target.provider.name };
    return out.replace(dataLine, (line, head: string, json: string) => {
      const changed = json.includes('"usage"') ? rewritten(Buffer.from(json, "latin1"), id, told) : undefined;
      return changed === undefined ? line : head + changed.toString("latin1");
    });
  }

  const pump = {
    relaysAll: inner.relaysAll,
    out: "",
    frame(frame: Buffer) {
      const step = inner.frame(frame);
      pump.out = tell(inner.out, inner.usage());
      return step;
    },
    tell,
    finished: inner.finished,
    end: () => tell(inner.end(), inner.usage()),
    usage: inner.usage,
    ending: inner.ending,
    fail: inner.fail,
    outputBytes: inner.outputBytes,
  };
  return pump;
}

const dataLine = /^(data: ?)(\{.*\})$/gm;

const openBrace = 0x7b;
const quoteMark = 0x22;
const comma = 0x2c;

/** Undefined: no usage stands in it, or it is not what it should be. */
function rewritten(json: Buffer, dialect: DialectId, told: Told): Buffer | undefined {
  try {
    const top = skipSpace(json, 0);
    const whole = dialect === "openai-responses" ? (findMember(json, top, "response")?.start ?? top) : top;
    const usage = findMember(json, whole, "usage");
    if (usage === undefined || json[usage.start] !== openBrace) return undefined;
    const hasProvider = dialect !== "openai-chat" || findMember(json, top, "provider") !== undefined;
    const provider = hasProvider ? "" : `"provider":${JSON.stringify(told.provider)},`;
    return Buffer.concat([
      json.subarray(0, top + 1),
      Buffer.from(provider),
      json.subarray(top + 1, usage.start),
      Buffer.from(usageText(json.toString("utf8", usage.start, usage.end), told)),
      json.subarray(usage.end),
    ]);
  } catch {
    return undefined; // the provider's own text, whatever it is, is relayed as it is
  }
}

/** In front, and as a decimal: it is exact, where a binary fraction is not. A cost of the provider's own gives way. */
function usageText(json: string, { costNano, isEstimate }: Told): string {
  const { cost: _theirs, cost_estimated: _flag, ...rest } = JSON.parse(json) as Record<string, unknown>;
  const others = JSON.stringify(rest).slice(1);
  const cost = costNano === undefined ? "null" : dollars(costNano);
  return `{"cost":${cost}${isEstimate ? ',"cost_estimated":true' : ""}${others === "}" ? "" : ","}${others}`;
}

/** @param open where the object begins */
export function findMember(
  json: Buffer,
  open: number,
  wanted: string,
): { readonly start: number; readonly end: number } | undefined {
  if (json[open] !== openBrace) return undefined;
  let at = skipSpace(json, open + 1);
  while (json[at] === quoteMark) {
    const keyEnd = skipString(json, at);
    const start = skipColon(json, keyEnd);
    const end = skipValue(json, start, 1);
    if (json.toString("latin1", at + 1, keyEnd - 1) === wanted) return { start, end };
    at = skipSpace(json, end);
    if (json[at] === comma) at = skipSpace(json, at + 1);
  }
  return undefined;
}
