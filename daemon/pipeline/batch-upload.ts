/**
 * A file on its way up. If it is a batch of OpenAI's its lines may name files, which have to be the caller's own and be
 * told as the provider knows them; and what its requests cost is summed up, as for one of Google's. Hides how it is found
 * out that it is one: its purpose may stand behind it in the form.
 */
import { GatewayError } from "../../providers/gateway-error.ts";
import { boundaryOf, watchForm } from "../http/multipart.ts";
import type { Target } from "../routing/generation.ts";
import { lineReaders } from "./batch-calls.ts";
import { type Lines, watchBatch } from "./batch-lines.ts";
import type { Exchange } from "./exchange.ts";
import { watchLines } from "./line-ids.ts";
import { isOwned, notOwn, ownerOf } from "./owned.ts";
import type { Plane } from "./plane.ts";
import { holdBytes } from "./read.ts";

const purposeField: ReadonlySet<string> = new Set(["purpose"]);
/** The head of a part that is a file, all of it. */
const fileHead = /filename[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n/i;
/** A file of lines, by its name or its type. */
const ofLines = /filename[^\r\n]*\.(?:jsonl|ndjson)\b|content-type\s*:[^\r\n]*(?:jsonl|ndjson|jsonlines)/i;
/** In so much of a form's beginning its file is looked for; behind it everything is taken for one of lines. */
const headBytesMax = 64 * 1024;

/** Whether this is such an upload. */
export function mayBeBatch({ route, request, rest }: Exchange): boolean {
  const isUpload = route.operation === "files" && route.dialect.id === "openai-chat" && request.method === "POST";
  return isUpload && rest === "" && boundaryOf(request.headers["content-type"]) !== undefined;
}

export async function* batchBody(
  body: AsyncIterable<Buffer>,
  exchange: Exchange,
  plane: Plane,
  target: Target,
  violated: (error: GatewayError) => void,
): AsyncGenerator<Buffer> {
  const sums = watchSums(exchange, plane, target);
  let files = 0;
  const form = watchForm(boundaryOf(exchange.request.headers["content-type"])!, purposeField, (bytes) => {
    if (bytes !== undefined) sums.push(bytes);
    else {
      sums.end();
      if (++files > 1) sums.giveUp(); // which of them counts is the provider's to say
    }
  });
  const { providers } = exchange.generation;
  const lines = watchLines(
    (name) => providers.has(name),
    (ids) => assertOwn(ids, exchange, plane),
  );
  let beginning = "";
  /** Undefined: its head has not come yet. */
  let isOfLines: boolean | undefined;
  /** Bytes of a file went by that nobody looked at. */
  let isUnseen = false;
  try {
    for await (const chunk of body) {
      form.push(chunk);
      const purpose = form.fields.get("purpose")?.value;
      if (isOfLines === undefined && beginning.length < headBytesMax) {
        beginning += chunk.toString("latin1");
        const head = fileHead.exec(beginning)?.[0];
        if (head !== undefined) isOfLines = ofLines.test(head);
      }
      if (purpose === "batch" && isUnseen) throw purposeLate();
      if (purpose !== undefined && purpose !== "batch") sums.giveUp();
      else if (purpose === "batch" && sums.fault() !== undefined) throw sums.fault();
      const isLooked = purpose === undefined ? isOfLines !== false : purpose === "batch";
      if (isLooked) yield await lines.push(chunk);
      else {
        isUnseen = true;
        const before = lines.end();
        yield before.length === 0 ? chunk : Buffer.concat([before, chunk]);
      }
    }
    if (form.fields.get("purpose")?.value === "batch") exchange.batchFile = sums.found();
    yield lines.end();
  } catch (error) {
    if (error instanceof GatewayError) violated(error);
    throw error;
  }
}

/** Whether these may be all the lines of a batch of Google's, which are told by nothing but themselves. */
export function mayBeLines({ route, request }: Exchange): boolean {
  if (route.operation !== "uploads" || route.dialect.id !== "gemini") return false;
  const { "x-goog-upload-command": command, "x-goog-upload-offset": offset } = request.headers;
  return offset === "0" && typeof command === "string" && /\bupload\b/.test(command) && /\bfinalize\b/.test(command);
}

export async function* linesBody(
  body: AsyncIterable<Buffer>,
  exchange: Exchange,
  plane: Plane,
  target: Target,
): AsyncGenerator<Buffer> {
  const sums = watchSums(exchange, plane, target);
  for await (const chunk of body) {
    sums.push(chunk);
    yield chunk;
  }
  sums.end();
  exchange.batchFile = sums.found();
}

function watchSums(exchange: Exchange, plane: Plane, { provider }: Target): Lines {
  return watchBatch(
    lineReaders[exchange.route.dialect.id]!,
    (model) => plane.estimator.outputEstimate(`${provider.name}/${model}`, exchange.caller!.keyId),
    (bytes) => holdBytes(exchange, plane, bytes),
  );
}

async function assertOwn(ids: readonly string[], exchange: Exchange, plane: Plane): Promise<void> {
  if ((await plane.responses.foreign(ids, exchange.caller!.keyId)).length > 0) throw notOwn("response");
  if (!isOwned(exchange)) return;
  const foreign = await plane.responses.objects({ type: "foreign", ids, owner: ownerOf(exchange) });
  if (foreign.length > 0) throw notOwn("files");
}

function purposeLate(): GatewayError {
  const message = "put the field `purpose` before the file of a batch, or let the file's name end with .jsonl";
  return new GatewayError("invalid_request", message, { source: "client", param: "purpose" });
}
