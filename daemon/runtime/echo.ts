/**
 * The built-in upstream: answers with what it was asked, so that everything can be tried without a key. It speaks
 * OpenAI's chat completions and embeddings and takes the place of a connection, so its answers go through the same
 * relay, timers and ledger as a provider's.
 *
 * A line `#echo key=value …` in the last user message directs it: `delay=200ms` before the first byte, `gap=20ms`
 * between frames, `words=50` instead of the prompt, `fail=503`, `cut=3` breaks the stream after three frames,
 * `error=3` reports an error after three, `hang=1` never answers. A token is four bytes of text, rounded up.
 */
import type { Dispatcher } from "undici";
import { type EchoAnswer, echoAnswer } from "./echo-answer.ts";
import type { Call, Origin } from "./origin.ts";

export const echoOrigin: Origin = {
  dispatch(call) {
    call.release = () => undefined;
    const play = new Play(call);
    setImmediate(() => void play.start());
    return true;
  },
  close: () => undefined,
};

/** Then others have a turn. */
const framesPerTurn = 256;

/** One answer under way. */
class Play {
  readonly #call: Call;
  readonly #controller: Dispatcher.DispatchController;
  stopped = false;
  paused = false;
  #timer: NodeJS.Timeout | undefined;
  #frames: Iterator<string> | undefined;
  #played = 0;
  #answer: EchoAnswer | undefined;

  constructor(call: Call) {
    this.#call = call;
    this.#controller = new Controller(this);
  }

  async start(): Promise<void> {
    if (this.#call.cancelled) return;
    const { path, body } = this.#call.options;
    this.#call.onRequestStart?.(this.#controller, undefined);
    try {
      this.#answer = echoAnswer(path, await textOf(body), Math.floor(Date.now() / 1000));
    } catch (error) {
      this.#call.onResponseError?.(this.#controller, error instanceof Error ? error : new Error(String(error)));
      return;
    }
    if (this.#answer.hang) return;
    this.#frames = this.#answer.frames[Symbol.iterator]();
    if (this.#answer.delayMs > 0) this.#timer = setTimeout(() => this.#head(), this.#answer.delayMs);
    else this.#head();
  }

  #head(): void {
    if (this.stopped || this.#answer === undefined) return;
    this.#call.onResponseStart?.(this.#controller, this.#answer.status, { "content-type": this.#answer.contentType });
    this.#step();
  }

  #schedule(ms: number): void {
    if (this.stopped || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.#step(), ms);
  }

  #step(): void {
    this.#timer = undefined;
    const { gapMs, cut } = this.#answer!;
    for (let left = framesPerTurn; !this.stopped && !this.paused; left--) {
      if (left === 0) {
        this.#schedule(0);
        return;
      }
      if (cut !== undefined && this.#played >= cut) {
        this.#call.onResponseError?.(
          this.#controller,
          Object.assign(new Error("cut as directed"), { code: "ECHO_CUT" }),
        );
        return;
      }
      const frame = this.#frames!.next();
      if (frame.done === true) {
        this.#call.onResponseEnd?.(this.#controller, {});
        return;
      }
      this.#call.onResponseData?.(this.#controller, Buffer.from(frame.value));
      this.#played++;
      if (gapMs > 0) {
        this.#schedule(gapMs);
        return;
      }
    }
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.#schedule(0);
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.#timer);
  }
}

/** A class, since V8 makes a map for every literal with a getter, which holds all the getter reaches until old space is swept. */
class Controller implements Dispatcher.DispatchController {
  readonly reason = null;
  readonly rawHeaders = null;
  readonly rawTrailers = null;
  readonly #play: Play;

  constructor(play: Play) {
    this.#play = play;
  }

  get aborted(): boolean {
    return this.#play.stopped;
  }

  get paused(): boolean {
    return this.#play.paused;
  }

  abort(): void {
    this.#play.stop();
  }

  pause(): void {
    this.#play.pause();
  }

  resume(): void {
    this.#play.resume();
  }
}

async function textOf(body: Dispatcher.DispatchOptions["body"]): Promise<string> {
  if (Buffer.isBuffer(body)) return body.toString("utf8");
  const chunks: Buffer[] = [];
  for await (const chunk of body as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
