/**
 * From upstream frames to client bytes. `relayPump`: the same dialect on both sides, bytes go by untouched and are
 * only listened to, or get other frames around them. `translatePump`: decoded to events, rendered in the caller's dialect.
 */
import { endingOf, nothingSeen, sawEvent } from "../../providers/dialects/ending.ts";
import { noteUntold } from "../../providers/dialects/untold.ts";
import type { Dialect, Event, RenderContext, StreamRenderer, Usage } from "../../providers/exchange.ts";
import { GatewayError } from "../../providers/gateway-error.ts";
import { mergeUsage } from "../governance/usage.ts";
import type { StreamFraming } from "../http/framing.ts";
import { bytesOfText } from "../http/stream-writer.ts";
import type { Pump, Step } from "./relay-stream.ts";

/** How the two sides frame their streams. */
export type Framings = { readonly upstream: StreamFraming; readonly client: StreamFraming };

/** @param dropUsageChunk the client did not ask for the usage chunk that we asked the upstream for */
export function relayPump(
  dialect: Dialect,
  context: RenderContext,
  dropUsageChunk: boolean,
  { upstream, client }: Framings,
): Pump {
  const tap = dialect.tap();
  const same = upstream === client;
  let begun = false;

  /** Comments are no elements. */
  function element(frame: Buffer): string {
    const { data } = upstream.read(frame);
    if (data === "") return "";
    const before = begun ? ",\r\n" : "[";
    begun = true;
    return client.write(before + data);
  }

  const pump = {
    relaysAll: same,
    out: "",
    frame(frame: Buffer): Step {
      let seen: string;
      if (upstream.asEvents === undefined) {
        seen = frame.toString("latin1");
        if (same) pump.out = seen;
        else pump.out = client.asArray === true ? element(frame) : client.write(frame.toString("utf8"));
      } else {
        const events = upstream.asEvents(frame);
        seen = bytesOfText(events);
        pump.out = same ? frame.toString("latin1") : client.write(events);
      }
      const kind = tap.frame(seen);
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
      return begun ? "]" : "";
    },
    usage: () => tap.usage(),
    ending: tap.ending,
    fail: (error: GatewayError, requestId: string) =>
      client.write(dialect.renderStream({ ...context, ...tap.position?.() }).fail(error, requestId)),
    // Methods: a getter in a literal makes V8 keep what it closes over for as long as its shape.
    finished: () => tap.finished,
    outputBytes: () => tap.outputBytes,
  };
  return pump;
}

export function translatePump(upstream: Dialect, client: Dialect, context: RenderContext, framings: Framings): Pump {
  const { read } = framings.upstream;
  const { write } = framings.client;
  const decoder = upstream.decodeStream();
  /** Made when it is first needed: what its client named in the request is known only once that was encoded. */
  let made: StreamRenderer | undefined;
  const renderer = (): StreamRenderer => (made ??= client.renderStream(context));
  let usage: Usage | undefined;
  let outputBytes = 0;
  let finished = false;
  const seen = nothingSeen();

  function render(events: readonly Event[]): string {
    let text = "";
    for (const event of events) {
      if (event.type === "usage" || event.type === "finish" || event.type === "start")
        usage = mergeUsage(usage, event.usage);
      if ("delta" in event) outputBytes += event.delta.length;
      else noteUntold(seen, client.id, event);
      if (event.type === "finish") finished = true;
      sawEvent(seen, event);
      text += renderer().push(event);
    }
    return text;
  }

  const pump = {
    relaysAll: false,
    out: "",
    frame(frame: Buffer): Step {
      const { event, data } = read(frame);
      if (data === "" && event === "") return "drop";
      const events = decoder.push(event, data);
      pump.out = write(render(events));
      if (decoder.finished()) {
        pump.out += write(render(decoder.end()) + renderer().end());
        return "terminal";
      }
      return events.some(isMeaningful) ? "release" : "hold";
    },
    end(): string {
      return write(render(decoder.end()) + renderer().end());
    },
    usage: () => usage,
    ending: () => endingOf(seen),
    fail: (error: GatewayError, requestId: string) => write(renderer().fail(error, requestId)),
    finished: () => finished,
    outputBytes: () => outputBytes,
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
