/**
 * The requests of a batch, summed up by the model that each names. Hides where each vendor writes a request's model and
 * its caps. What decides and is there twice is refused, as in a request of its own: the vendor might read the other one.
 */
import { isUtf8 } from "node:buffer";
import { tokensMax } from "../../providers/catalog/cost.ts";
import { GatewayError } from "../../providers/gateway-error.ts";
import { elementsAt, type Members, membersAt, valueAt, type Wanted } from "../http/json-members.ts";
import { sighting, skipSpace, takeSightings } from "../http/json-skip.ts";
import type { CallSum } from "../store/batch-files.ts";
import { innerModels } from "./inner-models.ts";
import { readMarks } from "./prompt-marks.ts";
import { bothTools, type ServerTools } from "./server-tools.ts";

export type Calls = {
  add(call: Call): void;
  readonly sums: () => readonly CallSum[];
  /** Models beside the calls' own. */
  readonly inner: () => readonly string[] | undefined;
};

type Call = {
  readonly model: string;
  readonly bytes: number;
  readonly loose: boolean;
  readonly dearest: boolean;
  /** Of each answer, at most. */
  readonly most: number | undefined;
  readonly answers: number;
  readonly inner: readonly string[];
  readonly tools: ServerTools | undefined;
};

/** Distinct names in one batch; they are told by callers. */
const modelsMax = 64;
const modelCharactersMax = 256;
const answersMax = 10_000;

/** @param usualOf how many tokens an answer of that model usually has */
export function sumCalls(usualOf: (model: string) => number): Calls {
  const sums = new Map<string, CallSum>();
  const usuals = new Map<string, number>();
  const inner = new Set<string>();
  return {
    add({ model, bytes, loose, dearest, tools, most, answers, inner: beside }) {
      for (const name of beside) inner.add(name);
      if (inner.size > modelsMax) throw refused(`a batch may name ${modelsMax} models`, "model");
      let sum = sums.get(model);
      if (sum === undefined) {
        if (sums.size >= modelsMax) throw refused(`a batch may name ${modelsMax} models`, "model");
        sum = {
          ...{ model, requests: 0, bytes: 0, bytesMax: 0, loose: 0 },
          dearest: false,
          capped: 0,
          open: 0,
          usual: 0,
        };
        sums.set(model, sum);
        usuals.set(model, usualOf(model));
      }
      const usual = usuals.get(model)!;
      const cap = most === undefined ? undefined : Math.min(most, tokensMax);
      sum.requests += 1;
      sum.bytes += bytes;
      sum.bytesMax = Math.max(sum.bytesMax, bytes);
      if (loose) sum.loose += 1;
      sum.dearest ||= dearest;
      if (tools !== undefined) sum.tools = bothTools(sum.tools, tools);
      if (cap === undefined) sum.open += answers;
      else sum.capped += cap * answers;
      sum.usual += Math.min(cap ?? usual, usual) * answers;
    },
    sums: () => [...sums.values()],
    inner: () => (inner.size === 0 ? undefined : [...inner]),
  };
}

/** The body of Anthropic's `POST /v1/messages/batches`. */
export function anthropicCalls(body: Buffer, calls: Calls): void {
  const requests = elementsAt(body, top(body, { requests: "requests" }, "").at["requests"]) ?? [];
  if (requests.length === 0) throw missing("requests");
  for (const [index, start] of requests.entries()) {
    takeSightings();
    const where = `requests.${index}.`;
    const request = membersAt(body, start, { params: "params" }, where);
    const params = inside(body, request, "params", { model: "model", max_tokens: "max_tokens" }, where);
    const model = valueAt(body, params?.at["model"]);
    if (typeof model !== "string" || model === "") throw missing(`${where}params.model`);
    const text = body.subarray(start, request!.end);
    calls.add({ model, answers: 1, most: wholeNumber(valueAt(body, params!.at["max_tokens"])), ...marksOf(text) });
  }
}

/**
 * The body of Gemini's `:batchGenerateContent` and `:asyncBatchEmbedContent`. Undefined: its requests stand here. Else
 * the file that they are in, if any.
 */
export function geminiCalls(
  model: string,
  body: Buffer,
  calls: Calls,
): { readonly file: string | undefined } | undefined {
  const batch = inside(body, top(body, { batch: "batch" }, ""), "batch", bothWays("inputConfig", "input_config"), "");
  const names = { ...bothWays("fileName", "file_name"), requests: "requests" };
  const config = inside(body, batch, "inputConfig", names, "batch.");
  const file = valueAt(body, config?.at["fileName"]);
  const list = inside(body, config, "requests", { requests: "requests" }, "batch.inputConfig.");
  const inline = elementsAt(body, list?.at["requests"]);
  if (file !== undefined || inline === undefined) return { file: typeof file === "string" ? file : undefined };
  for (const [index, start] of inline.entries()) {
    takeSightings();
    const where = `requests.${index}.`;
    const each = membersAt(body, start, { request: "request" }, where);
    if (each === undefined) throw missing(`${where}request`);
    const said = geminiCall(body, each, where, calls, body.subarray(start, each.end));
    if (said !== "" && said !== model) throw twoModels(`${where}request.model`);
  }
  return undefined;
}

/** Files of lines, by the dialect of whoever reads them. Undefined: it is not such a line. */
export type LineReader = (line: Buffer, calls: Calls, number: number) => { readonly generates: boolean } | undefined;

const openaiNames = {
  ...{ model: "model", n: "n", best_of: "n", prompt: "prompt" },
  ...{
    max_tokens: "max_tokens",
    max_completion_tokens: "max_completion_tokens",
    max_output_tokens: "max_output_tokens",
  },
};
/** Paths whose answers are no text. */
const textless = /\/(?:embeddings|moderations)\/?$/;

function openaiLine(line: Buffer, calls: Calls, number: number): { readonly generates: boolean } | undefined {
  const where = `line ${number}: `;
  const whole = lineAt(line, { url: "url", body: "body" }, where);
  const body = inside(line, whole, "body", openaiNames, where);
  const model = valueAt(line, body?.at["model"]);
  if (typeof model !== "string" || model === "" || model.length > modelCharactersMax) return undefined;
  const url = valueAt(line, whole!.at["url"]);
  const generates = typeof url !== "string" || !textless.test(url);
  const { prompt, n, max_tokens: one, max_completion_tokens: other, max_output_tokens: third } = body!.at;
  const caps = [one, other, third].flatMap((at) => wholeNumber(valueAt(line, at)) ?? []);
  const prompts = Math.max(1, elementsAt(line, prompt)?.length ?? 1);
  const answers = Math.min(answersMax, Math.max(1, wholeNumber(valueAt(line, n)) ?? 1) * prompts);
  const most = generates ? max(caps) : 0;
  calls.add({ model, answers, most, ...marksOf(line, line.subarray(whole!.at["body"], body!.end)) });
  return { generates };
}

function geminiLine(line: Buffer, calls: Calls, number: number): { readonly generates: boolean } | undefined {
  const where = `line ${number}: `;
  const whole = lineAt(line, { request: "request" }, where);
  if (whole?.at["request"] === undefined) return undefined;
  geminiCall(line, whole, where, calls, line);
  return { generates: true };
}

export const lineReaders: Readonly<Record<string, LineReader>> = { "openai-chat": openaiLine, gemini: geminiLine };

const geminiNames = { model: "model", ...bothWays("generationConfig", "generation_config") };
const geminiCaps = {
  ...bothWays("maxOutputTokens", "max_output_tokens"),
  ...bothWays("candidateCount", "candidate_count"),
};

/** Returns the model that it names. */
function geminiCall(body: Buffer, outer: Members, where: string, calls: Calls, text: Buffer): string {
  const request = inside(body, outer, "request", geminiNames, where);
  const config = inside(body, request, "generationConfig", geminiCaps, `${where}request.`);
  const said = valueAt(body, request?.at["model"]);
  const model = typeof said === "string" ? said.replace(/^models\//, "") : "";
  if (model.length > modelCharactersMax) throw twoModels(`${where}request.model`);
  const answers = Math.min(answersMax, Math.max(1, wholeNumber(valueAt(body, config?.at["candidateCount"])) ?? 1));
  const most = wholeNumber(valueAt(body, config?.at["maxOutputTokens"]));
  const inner = request === undefined ? text : body.subarray(outer.at["request"], request.end);
  calls.add({ model, answers, most, ...marksOf(text, inner) });
  return model;
}

export function twoModels(param: string): GatewayError {
  return refused("the path and a request of the batch name different models", param);
}

/** One line is one object and nothing else. */
function lineAt(line: Buffer, wanted: Wanted, where: string): Members | undefined {
  takeSightings();
  if (!isUtf8(line)) return undefined;
  const whole = membersAt(line, skipSpace(line, 0), wanted, where);
  return whole === undefined || skipSpace(line, whole.end) < line.length ? undefined : whole;
}

function top(body: Buffer, wanted: Wanted, where: string): Members {
  return membersAt(body, skipSpace(body, 0), wanted, where)!;
}

function inside(
  body: Buffer,
  outer: Members | undefined,
  name: string,
  wanted: Wanted,
  where: string,
): Members | undefined {
  const start = outer?.at[name];
  return start === undefined ? undefined : membersAt(body, start, wanted, `${where}${name}.`);
}

/** What was met since the sightings were taken last belongs to this text. `body`: where its tools are, if not there. */
function marksOf(text: Buffer, body = text): Omit<Call, "model" | "most" | "answers"> {
  const sighted = takeSightings();
  const { unbounded, dearest, tools } = readMarks(text, sighted);
  const inner = (sighted & sighting.tools) === 0 ? [] : innerModels(body);
  return { bytes: text.length, loose: unbounded || tools !== undefined, dearest, inner, tools };
}

/** Google takes either. */
function bothWays(camel: string, snake: string): Wanted {
  return { [camel]: camel, [snake]: camel };
}

function max(caps: readonly number[]): number | undefined {
  return caps.length === 0 ? undefined : Math.max(...caps);
}

function wholeNumber(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined;
}

export function missing(param: string): GatewayError {
  return refused(`${param} is required`, param);
}

export function refused(message: string, param: string): GatewayError {
  return new GatewayError("invalid_request", message, { source: "client", param });
}
