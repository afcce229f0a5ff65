/**
 * Claude Code sends thinking back only where the `model` of its answer is the one that it asked for, letter by letter. By
 * `anthropic/claude-sonnet-4-5` or an alias it would lose the thinking of every turn, and its provider refuses a tool's
 * result without the thinking before it. So it is told the name that it knows; other clients are told what was said.
 * Hides where that stands: in the first event of a stream, at the top of a whole answer.
 */
import type { Exchange } from "./exchange.ts";
import type { Pump } from "./relay-stream.ts";
import { findMember } from "./usage-cost.ts";

const claudeCode = /^claude-(?:cli|code)\//;

/** Undefined: nobody who minds. Another model's proofs are no use to the one that was asked for: that is not hidden. */
export function askedModel({ route, request, trip, view }: Exchange): string | undefined {
  if (route.name !== "messages" || !claudeCode.test(request.headers["user-agent"] ?? "")) return undefined;
  const isOther = trip!.fallback > 0 && trip!.target.model !== trip!.plan.hops[0]!.target.model;
  return isOther ? undefined : view!.model;
}

export function withAskedModel(body: Buffer, name: string): Buffer {
  return renamed(body, 0, name) ?? body;
}

export function askedModelPump(inner: Pump, name: string): Pump {
  let begun = false;

  function rename(out: string): string {
    if (begun || !out.includes('"message_start"')) return out;
    begun = true;
    return out.replace(startLine, (_line, head: string, json: string) => {
      const bytes = Buffer.from(json, "latin1");
      const message = findMember(bytes, 0, "message");
      return head + ((message && renamed(bytes, message.start, name)) ?? bytes).toString("latin1");
    });
  }

  const pump = {
    ...inner,
    frame(frame: Buffer) {
      const step = inner.frame(frame);
      pump.out = rename(inner.out);
      return step;
    },
  };
  return pump;
}

const startLine = /^(data: ?)(\{.*"message_start".*\})$/m;

/** Undefined: the object at `open` names no model. */
function renamed(json: Buffer, open: number, name: string): Buffer | undefined {
  try {
    const model = findMember(json, open, "model");
    if (model === undefined) return undefined;
    return Buffer.concat([json.subarray(0, model.start), Buffer.from(JSON.stringify(name)), json.subarray(model.end)]);
  } catch {
    return undefined; // the provider's own text, whatever it is, is relayed as it is
  }
}
