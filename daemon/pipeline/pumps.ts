/**
 * From upstream frames to client bytes. `relayPump`: the same dialect on both sides, bytes go by untouched and are
 * only listened to. `translatePump`: decoded to events, rendered in the caller's dialect.
 */
import type { Dialect, Event, RenderContext, Usage } from "../../providers/exchange.ts";
import { GatewayError } from "../../providers/gateway-error.ts";
import { mergeUsage } from "../governance/usage.ts";
import { readFrame } from "../http/sse-splitter.ts";
import { bytesOfText } from "../http/stream-writer.ts";
import type { Pump, Step } from "./relay-stream.ts";

/** @param dropUsageChunk the client did not ask for the usage chunk that we asked the upstream for */
export function relayPump(dialect: Dialect, context: RenderContext, dropUsageChunk: boolean): Pump {
  const tap = dialect.tap();
  const pump = {
    relaysAll: true,
    out: "",
    frame(frame: Buffer): Step {
      pump.out = frame.toString("latin1");
      const kind = tap.frame(pump.out);
      switch (kind) {
        case "preamble":
          return "hold";
        case "content":
        case "finish":
          return "release";
        case "usage":
          return dropUsageChunk ? "drop" : "release";
        case "terminal":
          return "terminal";
        case "error":
          throw tap.failure() ?? truncated();
      }
    },
    end(): string {
      if (!tap.finished) throw truncated();
      return "";
    },
    usage: () => tap.usage(),
    fail: (error: GatewayError, requestId: string) =>
      bytesOfText(dialect.renderStream({ ...context, ...tap.position?.() }).fail(error, requestId)),
    get finished() {
      return tap.finished;
    },
    get outputBytes() {
      return tap.outputBytes;
    },
  };
  return pump;
}

export function translatePump(upstream: Dialect, client: Dialect, context: RenderContext): Pump {
  const decoder = upstream.decodeStream();
  const renderer = client.renderStream(context);
  let usage: Usage | undefined;
  let outputBytes = 0;
  let finished = false;

  function render(events: readonly Event[]): string {
    let text = "";
    for (const event of events) {
      if (event.type === "usage" || event.type === "finish" || event.type === "start")
        usage = mergeUsage(usage, event.usage);
      else if ("delta" in event) outputBytes += event.delta.length;
      if (event.type === "finish") finished = true;
      text += renderer.push(event);
    }
    return text;
  }

  const pump = {
    relaysAll: false,
    out: "",
    frame(frame: Buffer): Step {
      const { event, data } = readFrame(frame.toString("utf8"));
      if (data === "" && event === "") return "drop";
      const events = decoder.push(event, data);
      pump.out = bytesOfText(render(events));
      if (decoder.finished) {
        pump.out += bytesOfText(render(decoder.end()) + renderer.end());
        return "terminal";
      }
      return events.some(isMeaningful) ? "release" : "hold";
    },
    end(): string {
      return bytesOfText(render(decoder.end()) + renderer.end());
    },
    usage: () => usage,
    fail: (error: GatewayError, requestId: string) => bytesOfText(renderer.fail(error, requestId)),
    get finished() {
      return finished;
    },
    get outputBytes() {
      return outputBytes;
    },
  };
  return pump;
}

function isMeaningful(event: Event): boolean {
  return event.type !== "start" && event.type !== "usage";
}

function truncated(): GatewayError {
  return new GatewayError("upstream_truncated", "the upstream's stream ended before its last event", {
    source: "provider",
  });
}
