/**
 * What a realtime session writes down of what it hears: another model does it, which costs by itself, whether anything
 * is answered or not. Hides where sessions name it, and that each piece is metered like a turn.
 */
import { mediaUsage } from "../../providers/dialects/media-usage.ts";
import { GatewayError } from "../../providers/gateway-error.ts";
import { isObject, type Shape, shape } from "../../providers/json.ts";
import type { Target } from "../routing/generation.ts";
import { findTarget } from "../routing/resolve.ts";
import { assertAccess } from "./admit.ts";
import type { Caller } from "./exchange.ts";
import type { Plane } from "./plane.ts";
import type { Turns } from "./session-turns.ts";

export type Speech = {
  /** Of a session, or a change of one. Throws where it names a model that its key may not call. */
  agree(session: Shape, caller: Caller): void;
  /** Bytes of the client's. */
  heard(bytes: number): void;
  /** Sound is taken to be written down; throws what the session ends with. */
  begin(): void;
  /** It is written down; `event` tells what it took. */
  done(event: string): void;
  end(): void;
};

/** @param meter of the pieces that a model writes down */
export function meterSpeech(target: Target, plane: Plane, meter: (target: Target) => Turns): Speech {
  const { provider } = target;
  let turns: Turns | undefined;
  let writer = "";
  return {
    agree(session, caller) {
      const input = shape(shape(session["audio"])["input"]);
      for (const told of [input["transcription"], session["input_audio_transcription"]]) {
        if (!isObject(told)) continue;
        const { model } = told;
        if (typeof model === "string" && model !== writer) {
          turns?.finish(undefined, 200);
          turns = meter(writerAt(model, caller));
          writer = model;
        }
        if (turns === undefined) throw unnamed();
      }
    },
    heard: (bytes) => turns?.heard(bytes),
    begin() {
      if (turns?.open.length === 0) turns.begin();
    },
    done(event) {
      turns ??= meter(target); // a session of a model that does nothing else
      this.begin();
      turns?.finish(mediaUsage(event), 200);
    },
    end: () => turns?.finish(undefined, 499),
  };

  /** The provider reads the name as it is: it has to be one of its own. */
  function writerAt(model: string, caller: Caller): Target {
    const found = findTarget(plane.generation, `${provider.name}/${model}`);
    if (found?.provider.name !== provider.name || found.deployment !== model)
      throw new GatewayError("model_not_found", `${provider.name} offers no model "${model.slice(0, 200)}"`, {
        source: "client",
        param: "session.audio.input.transcription.model",
      });
    assertAccess({ caller }, found, plane, Date.now());
    return found;
  }
}

function unnamed(): GatewayError {
  return new GatewayError("invalid_request", "name the model that writes down what is heard", {
    source: "client",
    param: "session.audio.input.transcription.model",
  });
}
