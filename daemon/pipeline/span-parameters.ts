/**
 * What a traced request asks for besides its words, in the names that conventions give parameters. Hides the six
 * languages: their parsers tell, and a body that is long is not read once more for this.
 */
import type { Request } from "../../providers/exchange.ts";
import type { Exchange } from "./exchange.ts";
import { parseRequest } from "./translate.ts";

/** Absent: the request does not say. */
export type SpanParameters = {
  readonly temperature?: number;
  readonly top_p?: number;
  readonly top_k?: number;
  readonly max_tokens?: number;
  readonly seed?: number;
  readonly frequency_penalty?: number;
  readonly presence_penalty?: number;
  readonly stop_sequences?: readonly string[];
  readonly choice_count?: number;
  readonly output_type?: "text" | "json";
};

/** Parsing it takes less than a millisecond. */
const bodyBytesMax = 65_536;
const stopsMax = 16;
const stopCharactersMax = 64;

export function parametersOf({ route, view, body }: Exchange): SpanParameters | undefined {
  if (route.operation !== "chat" || route.form !== "json" || body === undefined || body.length > bodyBytesMax)
    return undefined;
  try {
    return named(parseRequest(route.dialect, body, { model: view!.model!, stream: view!.stream }));
  } catch {
    return undefined; // what is wrong with it is the provider's to say, or a later stage's
  }
}

function named(request: Request): SpanParameters {
  const told: Record<string, unknown> = {
    temperature: request.temperature,
    top_p: request.topP,
    top_k: request.topK,
    max_tokens: request.maxTokens,
    seed: request.seed,
    frequency_penalty: request.frequencyPenalty,
    presence_penalty: request.presencePenalty,
    stop_sequences: request.stop?.slice(0, stopsMax).map((text) => text.slice(0, stopCharactersMax)),
    choice_count: request.n,
    output_type: request.responseFormat && (request.responseFormat.type === "text" ? "text" : "json"),
  };
  for (const name in told) if (told[name] === undefined) delete told[name];
  return told;
}
