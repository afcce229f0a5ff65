/**
 * Stage 2 for forms: bytes → Request view, with the form still coming. Hides that the file is not kept: the form is held
 * only until the model's name has gone by, and the rest of it passes through with the name replaced.
 */
import { GatewayError } from "../../providers/gateway-error.ts";
import { lingerBytesMax, tooMuch } from "../http/body.ts";
import { unread } from "../http/client-messages.ts";
import { isReset } from "../http/h2c.ts";
import { boundaryOf, type FormWatch, watchForm } from "../http/multipart.ts";
import { emptyView, type RequestView } from "../http/request-view.ts";
import type { Exchange } from "./exchange.ts";
import type { Plane } from "./plane.ts";
import { holdBytes } from "./read.ts";

/** A form whose head is known: what was held of it, and the rest that comes. */
export type Upload = {
  /** Undefined: not a form; the bytes go on as they are. */
  readonly form: FormWatch | undefined;
  readonly held: readonly Buffer[];
  /** All of it is held. */
  readonly ended: boolean;
};

const decidingFields: ReadonlySet<string> = new Set(["model", "stream", "n", "response_format"]);
/** Of a film: what it costs is asked before it is begun. */
const filmFields: ReadonlySet<string> = new Set([...decidingFields, "seconds", "size"]);
/** What has gone by before the form goes on to the provider. */
const neededFields = ["model"];
const neededOfFilm = ["model", "seconds", "size"];

export function isForm(exchange: Exchange): boolean {
  return /^multipart\//i.test(exchange.request.headers["content-type"] ?? "");
}

export function readForm(exchange: Exchange, plane: Plane): Promise<RequestView> {
  const request = unread(exchange.request);
  const { bodyBytesMax, uploadBytesMax } = exchange.generation.data.server;
  const boundary = boundaryOf(request.headers["content-type"]);
  if (boundary === undefined) return Promise.reject(refuse(exchange, noBoundary()));
  assertPlain(exchange);
  if (Number(request.headers["content-length"] ?? 0) > uploadBytesMax)
    return Promise.reject(refuse(exchange, tooLarge(uploadBytesMax)));
  const isFilm = exchange.route.operation === "videos";
  const form = watchForm(boundary, isFilm ? filmFields : decidingFields);
  const needed = isFilm ? neededOfFilm : neededFields;
  const held: Buffer[] = [];
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      request.off("data", onData);
      request.off("end", onEnd);
      request.off("close", onClose);
    };
    const fail = (error: unknown): void => {
      stop();
      reject(refuse(exchange, error));
    };
    const take = (ended: boolean): void => {
      const view = formView(form);
      if (view === undefined) {
        fail(new GatewayError("invalid_request", "model is required", { source: "client", param: "model" }));
        return;
      }
      stop();
      request.pause();
      exchange.upload = { form, held, ended };
      exchange.view = view;
      resolve(view);
    };
    const onData = (chunk: Buffer): void => {
      exchange.bytesIn += chunk.length;
      if (exchange.bytesIn > bodyBytesMax) {
        fail(tooLate(bodyBytesMax, needed));
        return;
      }
      if (!holdBytes(exchange, plane, chunk.length)) {
        fail(tooMuch());
        return;
      }
      held.push(chunk);
      try {
        form.push(chunk);
      } catch (error) {
        fail(error);
        return;
      }
      if (form.finished() || needed.every((name) => form.fields.has(name))) take(form.finished());
    };
    const onEnd = (): void => {
      if (isReset(request)) onClose();
      else take(true);
    };
    const onClose = (): void => fail(gone());
    request.on("error", ignore);
    if (request.destroyed) {
      onClose();
      return;
    }
    request.on("data", onData);
    request.on("end", onEnd);
    request.on("close", onClose);
  });
}

/** Whatever body this is, it goes on as it comes; nothing of it is read. */
export function readAnything(exchange: Exchange): RequestView {
  const { uploadBytesMax } = exchange.generation.data.server;
  if (Number(exchange.request.headers["content-length"] ?? 0) > uploadBytesMax)
    throw refuse(exchange, tooLarge(uploadBytesMax));
  exchange.upload = { form: undefined, held: [], ended: false };
  const view = { ...emptyView(), model: exchange.pathModel, bodyModel: undefined };
  exchange.view = view;
  return view;
}

function formView(form: FormWatch): RequestView | undefined {
  const model = form.fields.get("model");
  if (model === undefined || model.value === "") return undefined;
  if (!/^[\x21-\x7e\u00a0-\uffff][^\p{Cc}]*$/u.test(model.value)) return undefined;
  const stream = form.fields.get("stream")?.value.toLowerCase();
  return {
    ...emptyView(),
    model: model.value,
    modelStart: model.start,
    modelEnd: model.end,
    stream: stream === "true" || stream === "1",
  };
}

/**
 * The form as a provider gets it. `violated` is told of what makes it no form after all, before the body fails; a client
 * that left is told of by its connection.
 */
export async function* uploadBody(
  exchange: Exchange,
  upload: Upload,
  deployment: string,
  release: () => void,
  violated: (error: GatewayError) => void,
): AsyncGenerator<Buffer> {
  const { view } = exchange;
  const request = unread(exchange.request);
  const { form, held, ended } = upload;
  if (held.length > 0) yield renamed(Buffer.concat(held), view!, deployment);
  release();
  if (!ended) {
    const { uploadBytesMax } = exchange.generation.data.server;
    // Not destroyed when we stop early: the answer still has to leave on this connection.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      exchange.bytesIn += chunk.length;
      try {
        if (exchange.bytesIn > uploadBytesMax) throw tooLarge(uploadBytesMax);
        form?.push(chunk);
      } catch (error) {
        violated(error as GatewayError);
        throw error;
      }
      yield chunk;
    }
  }
  if (form !== undefined && !form.finished()) {
    const error = new GatewayError("invalid_request", "the form ends before its last boundary", { source: "client" });
    violated(error);
    throw error;
  }
}

function renamed(head: Buffer, { model, modelStart, modelEnd }: RequestView, deployment: string): Buffer {
  if (modelStart < 0 || deployment === model) return head;
  return Buffer.concat([head.subarray(0, modelStart), Buffer.from(deployment), head.subarray(modelEnd)]);
}

/** By how much renaming the model lengthens the form. */
export function growth({ model, modelStart }: RequestView, deployment: string): number {
  return modelStart < 0 ? 0 : Buffer.byteLength(deployment) - Buffer.byteLength(model!);
}

/** What still comes is dropped, so that the client gets to read the answer. */
export function drain(exchange: Exchange): void {
  const request = unread(exchange.request);
  if (request.readableEnded || request.destroyed) return;
  let bytes = 0;
  request.on("error", ignore);
  request.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > lingerBytesMax) request.destroy();
  });
  request.resume();
}

function refuse(exchange: Exchange, error: unknown): unknown {
  drain(exchange);
  return error;
}

function assertPlain({ request }: Exchange): void {
  const encoding = request.headers["content-encoding"];
  if (encoding === undefined || encoding === "identity") return;
  throw new GatewayError("unsupported_media_type", "a form must be sent without content-encoding", {
    source: "client",
    param: "content-encoding",
  });
}

function noBoundary(): GatewayError {
  return new GatewayError("unsupported_media_type", "send multipart/form-data with a boundary, or JSON", {
    source: "client",
    param: "content-type",
  });
}

function tooLate(bytesMax: number, names: readonly string[]): GatewayError {
  const message = `the form's first ${bytesMax} bytes do not name its ${names.join(", ")}; put the field \`${names.join("`, `")}\` before the file`;
  return new GatewayError("payload_too_large", message, { source: "client", param: "model" });
}

function tooLarge(bytesMax: number): GatewayError {
  return new GatewayError("payload_too_large", `the request body is larger than ${bytesMax} bytes`, {
    source: "client",
  });
}

function gone(): GatewayError {
  return new GatewayError("client_closed_request", "the client left before the request body was complete", {
    source: "client",
  });
}

function ignore(): void {}
