/** Thread main of the translator: one body at a time, in and out without a copy. Hides how a failure crosses threads. */
import { type MessagePort, parentPort } from "node:worker_threads";
import { GatewayError } from "../../providers/gateway-error.ts";
import { type Translated, translate } from "../pipeline/translate.ts";
import type { ToTranslator, TranslatorAnswer } from "./translator.ts";

if (parentPort === null) throw new Error("this file runs as a worker thread");
const parent: MessagePort = parentPort;

parent.on("message", ({ id, job, body }: ToTranslator) => {
  let translated: Translated;
  try {
    translated = translate(job, Buffer.from(body));
  } catch (error) {
    parent.postMessage(failure(id, error));
    return;
  }
  const { body: own, ...rest } = translated;
  const bytes = ownBuffer(own);
  parent.postMessage({ type: "done", id, body: bytes, rest } satisfies TranslatorAnswer, [bytes]);
});

/** A short text lies in a buffer that it shares with others, which must stay. */
function ownBuffer({ buffer, byteOffset, byteLength }: Buffer): ArrayBuffer {
  if (byteLength === buffer.byteLength) return buffer as ArrayBuffer;
  return (buffer as ArrayBuffer).slice(byteOffset, byteOffset + byteLength);
}

function failure(id: number, error: unknown): TranslatorAnswer {
  if (!(error instanceof GatewayError)) {
    return { type: "fault", id, stack: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  // A cause need not be cloneable, and its words are in the message already.
  const { cause: _, ...details } = error.details;
  return { type: "failed", id, code: error.code, message: error.message, details };
}
