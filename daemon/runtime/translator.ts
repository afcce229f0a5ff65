/**
 * A worker's helper for large bodies: parsing JSON takes 7 ms a megabyte, which everybody else on the worker would wait.
 * Hides the thread, which starts with the first such body and ends when none has come for a while, and its queue.
 */
import type { Worker } from "node:worker_threads";
import { type ErrorCode, type ErrorDetails, GatewayError } from "../../providers/gateway-error.ts";
import type { Translated, TranslateJob } from "../pipeline/translate.ts";

/** Above this a body that must be translated goes to the helper. */
export const translateInlineBytesMax = 2 * 1024 * 1024;
/** Bodies that wait for the helper; one more is refused. */
const waitingMax = 64;
/** And their bytes: an upstream's answer may be longer than any request. */
const waitingBytesMax = 512 * 1024 * 1024;
/** From asking to the answer. A helper that is still busy then is ended, since nothing else can stop it. */
const waitMsMax = 30_000;
/** A helper without work ends after this; it costs about 15 MB. */
const idleMsMax = 60_000;

export type Translator = {
  /**
   * Calls back once, never before it returns, with the result or a `GatewayError`: the dialect's own, `overloaded`, or
   * `internal_error`. The function it returns gives the job up: nothing is called back then.
   */
  translate(job: TranslateJob, body: Buffer, done: TranslateDone): () => void;
};

export type TranslateDone = (error: GatewayError | undefined, translated: Translated | undefined) => void;

export type ToTranslator = { readonly id: number; readonly job: TranslateJob; readonly body: ArrayBuffer };

export type TranslatorAnswer =
  | {
      readonly type: "done";
      readonly id: number;
      readonly body: ArrayBuffer;
      readonly rest: Omit<Translated, "body">;
    }
  | {
      readonly type: "failed";
      readonly id: number;
      readonly code: ErrorCode;
      readonly message: string;
      readonly details: ErrorDetails;
    }
  /** A bug, for the log. */
  | { readonly type: "fault"; readonly id: number; readonly stack: string };

export type TranslatorOptions = {
  readonly start: () => Worker;
  readonly waitingMax?: number;
  readonly waitMsMax?: number;
  readonly idleMsMax?: number;
};

type Job = {
  readonly id: number;
  readonly job: TranslateJob;
  readonly body: Buffer;
  /** Undefined once it was given up. */
  done: TranslateDone | undefined;
  readonly timer: NodeJS.Timeout;
};

export function createTranslator(options: TranslatorOptions): Translator {
  const limits = { waitingMax, waitMsMax, idleMsMax, ...options };
  let waiting: Job[] = [];
  let waitingBytes = 0;
  /** One at a time: what waits can still be given up, and is copied only when its turn comes. */
  let running: Job | undefined;
  let helper: Worker | undefined;
  let idle: NodeJS.Timeout | undefined;
  let lastId = 0;

  function translate(job: TranslateJob, body: Buffer, done: TranslateDone): () => void {
    if (waiting.length >= limits.waitingMax || waitingBytes + body.length > waitingBytesMax) {
      const refused: { done: TranslateDone | undefined } = { done };
      setImmediate(() => refused.done?.(overloaded("too many large bodies wait to be translated"), undefined));
      return () => {
        refused.done = undefined;
      };
    }
    lastId += 1;
    const timer = setTimeout(() => late(entry), limits.waitMsMax);
    const entry: Job = { id: lastId, job, body, done, timer };
    waiting.push(entry);
    waitingBytes += body.length;
    // Joining and scanning the body has taken a while already: others come first, then it is copied.
    setImmediate(next);
    return () => giveUp(entry);
  }

  function next(): void {
    if (running !== undefined) return;
    const entry = waiting.shift();
    if (entry === undefined) {
      rest();
      return;
    }
    waitingBytes -= entry.body.length;
    running = entry;
    clearTimeout(idle);
    helper ??= start();
    helper.ref();
    const body = new ArrayBuffer(entry.body.length);
    new Uint8Array(body).set(entry.body);
    helper.postMessage({ id: entry.id, job: entry.job, body } satisfies ToTranslator, [body]);
  }

  function rest(): void {
    if (helper === undefined) return;
    helper.unref();
    clearTimeout(idle);
    idle = setTimeout(() => discard(), limits.idleMsMax).unref();
  }

  function start(): Worker {
    const worker = options.start();
    let fault: unknown;
    worker.on("message", (answer: TranslatorAnswer) => {
      if (worker === helper) answered(answer);
    });
    worker.on("error", (error) => {
      fault = error;
    });
    worker.on("exit", () => {
      if (worker !== helper) return;
      helper = undefined;
      const lost = running;
      running = undefined;
      if (lost !== undefined) end(lost, internal(fault ?? new Error("the translator thread ended")), undefined);
      next();
    });
    return worker;
  }

  function answered(answer: TranslatorAnswer): void {
    const entry = running;
    if (entry === undefined || entry.id !== answer.id) return;
    running = undefined;
    next();
    switch (answer.type) {
      case "done":
        end(entry, undefined, { ...answer.rest, body: Buffer.from(answer.body) });
        return;
      case "failed":
        end(entry, new GatewayError(answer.code, answer.message, answer.details), undefined);
        return;
      case "fault":
        end(entry, internal(answer.stack), undefined);
    }
  }

  function giveUp(entry: Job): void {
    entry.done = undefined;
    if (entry === running) return; // its timer still guards against a helper that never answers
    clearTimeout(entry.timer);
    drop(entry);
  }

  function late(entry: Job): void {
    if (entry === running) {
      running = undefined;
      discard();
      next();
    } else {
      drop(entry);
    }
    end(entry, overloaded("a large body could not be translated in time"), undefined);
  }

  function drop(entry: Job): void {
    if (!waiting.includes(entry)) return;
    waiting = waiting.filter((other) => other !== entry);
    waitingBytes -= entry.body.length;
  }

  function discard(): void {
    const worker = helper;
    helper = undefined;
    void worker?.terminate();
  }

  function end(entry: Job, error: GatewayError | undefined, translated: Translated | undefined): void {
    clearTimeout(entry.timer);
    const { done } = entry;
    entry.done = undefined;
    done?.(error, translated);
  }

  return { translate };
}

function overloaded(message: string): GatewayError {
  return new GatewayError("overloaded", message, { source: "gateway", retryAfterMs: 1000 });
}

function internal(cause: unknown): GatewayError {
  return new GatewayError("internal_error", "internal error", { source: "gateway", cause });
}
