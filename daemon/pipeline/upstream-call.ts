/**
 * One call to one upstream: the transport half of an attempt. Hides undici's handler protocol, the five timers and
 * who let go of what; tells a receiver of head, chunks and the end, exactly one of `end` and `fail`, once.
 */
import type { Dispatcher } from "undici";
import { GatewayError } from "../../providers/gateway-error.ts";
import type { Timers } from "../config/generation.ts";
import type { Call } from "../runtime/origin.ts";
import type { Timed, Wheel } from "../runtime/wheel.ts";

/** What wants to hear of the answer. It may throw only bugs; those fail the call as `internal_error`, never as the upstream's fault. */
export type Receiver = {
  head(status: number, headers: Readonly<Record<string, string | string[] | undefined>>): void;
  chunk(bytes: Buffer): void;
  end(): void;
  fail(error: GatewayError): void;
  /** The wheel came by (about every 25 ms) and a deadline of the receiver's own may be due. */
  tick?(now: number): void;
};

type Phase = "connect" | "first byte" | "idle" | "client stall" | "done";

const handedOver: Dispatcher.DispatchOptions = { method: "POST", path: "" };

export class UpstreamCall implements Call, Timed {
  /** Empty once it was handed over: a prompt must not stay for as long as its answer streams. */
  options: Dispatcher.DispatchOptions;
  readonly receiver: Receiver;
  release: ((reusable: boolean) => void) | undefined;
  cancelled = false;
  /** The request head and body were handed to the connection: an answer may be owed even if none comes. */
  sent = false;
  /** On the clock of `performance.now()`: when it was made, and when a connection had it; 0: none has. */
  readonly startedAt: number;
  sentAt = 0;
  deadlineAt: number;
  wheelIndex = -1;
  readonly #wheel: Wheel;
  readonly #timers: Timers;
  readonly #streamed: boolean;
  readonly #totalAt: number;
  #phase: Phase = "connect";
  #phaseAt: number;
  /** The receiver's own next deadline (hold-back, keep-alive comment); see `wakeAt`. */
  #wakeAt = Number.POSITIVE_INFINITY;
  #controller: Dispatcher.DispatchController | undefined;

  constructor(
    options: Dispatcher.DispatchOptions,
    receiver: Receiver,
    timers: Timers,
    streamed: boolean,
    wheel: Wheel,
  ) {
    this.options = options;
    this.receiver = receiver;
    this.#timers = timers;
    this.#streamed = streamed;
    this.#wheel = wheel;
    const now = performance.now();
    this.startedAt = now;
    this.#phaseAt = now;
    this.#totalAt = now + timers.totalMs;
    this.deadlineAt = now + Math.min(timers.connectMs, timers.totalMs);
    wheel.add(this);
  }

  /** The coarse clock: free to read, at most a tick old. */
  get now(): number {
    return this.#wheel.now;
  }

  get done(): boolean {
    return this.#phase === "done";
  }

  /** Asks for `receiver.tick` at this time, once. */
  wakeAt(at: number): void {
    this.#wakeAt = at;
    if (at < this.deadlineAt) this.deadlineAt = at;
  }

  /** The client is slow: stop reading. Counts as client stall until `resume`. */
  pause(): void {
    if (this.#phase !== "idle") return;
    this.#enter("client stall");
    this.#controller?.pause();
  }

  resume(): void {
    if (this.#phase !== "client stall") return;
    this.#enter("idle");
    this.#controller?.resume();
  }

  /** Ends the call from our side: the client left, a deadline passed, the stream was enough. Closes the socket. */
  abort(error: GatewayError): void {
    if (this.#phase === "done") return;
    this.#finish(false);
    this.#controller?.abort(error);
    this.receiver.fail(error);
  }

  /** The answer is complete as far as we care, though bytes may follow: success, but the socket is not reused. */
  enough(): void {
    if (this.#phase === "done") return;
    this.#finish(false);
    this.#controller?.abort(new Error("answer complete"));
    this.receiver.end();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.cancelled) {
      controller.abort(new Error("cancelled before it was sent"));
      return;
    }
    this.sent = true;
    this.sentAt = performance.now();
    this.options = handedOver;
    this.#enter("first byte");
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status < 200 || this.#phase === "done") return;
    this.#enter("idle");
    this.#guard(() => this.receiver.head(status, headers));
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#phase === "done") return;
    this.#phaseAt = this.#wheel.now;
    try {
      this.receiver.chunk(chunk);
    } catch (error) {
      this.#bug(error);
    }
  }

  onResponseEnd(): void {
    if (this.#phase === "done") return;
    this.#finish(true);
    this.#guard(() => this.receiver.end());
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#phase === "done") return;
    const phase = this.#phase;
    this.#finish(false);
    this.#guard(() => this.receiver.fail(transportFailure(error, phase)));
  }

  onDeadline(now: number): void {
    if (this.#phase === "done") return;
    if (now >= this.#wakeAt) {
      this.#wakeAt = Number.POSITIVE_INFINITY;
      this.#guard(() => this.receiver.tick?.(now));
      if (this.done) return;
    }
    const phaseEnd = this.#phaseAt + this.#limitMs();
    if (now >= phaseEnd || now >= this.#totalAt) {
      const timer = now >= phaseEnd ? this.#phase : "total";
      if (this.release === undefined) {
        // It never left our own queue: not the provider's fault.
        this.abort(
          new GatewayError("overloaded", "no connection to the provider became free in time", {
            source: "gateway",
            retryAfterMs: 1000,
          }),
        );
        return;
      }
      this.abort(
        timer === "client stall"
          ? new GatewayError("client_closed_request", "the client took no byte for too long (client stall timer)", {
              source: "client",
            })
          : new GatewayError("upstream_timeout", `the upstream did not answer in time (${timer} timer)`, {
              source: "provider",
            }),
      );
      return;
    }
    this.#arm();
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    this.#phaseAt = this.#wheel.now;
    this.#arm();
  }

  #arm(): void {
    this.deadlineAt = Math.min(this.#phaseAt + this.#limitMs(), this.#totalAt, this.#wakeAt);
  }

  #limitMs(): number {
    switch (this.#phase) {
      case "connect":
        return this.#timers.connectMs;
      case "first byte":
        return this.#streamed ? this.#timers.firstByteStreamMs : this.#timers.firstByteMs;
      case "idle":
        return this.#timers.idleMs;
      case "client stall":
        return this.#timers.clientStallMs;
      case "done":
        return Number.POSITIVE_INFINITY;
    }
  }

  #finish(reusable: boolean): void {
    this.#phase = "done";
    this.cancelled = true;
    this.deadlineAt = Number.POSITIVE_INFINITY;
    this.#wheel.delete(this);
    this.release?.(reusable);
  }

  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#bug(error);
    }
  }

  #bug(error: unknown): void {
    const failure =
      error instanceof GatewayError ? error : new GatewayError("internal_error", "internal error", { cause: error });
    if (this.#phase !== "done") {
      this.#finish(false);
      this.#controller?.abort(failure);
    }
    this.receiver.fail(failure);
  }
}

function transportFailure(error: Error, phase: Phase): GatewayError {
  if (phase === "connect") {
    return new GatewayError("upstream_unreachable", `the upstream could not be reached${reason(error)}`, {
      source: "provider",
      cause: error,
    });
  }
  if (phase === "first byte") {
    return new GatewayError(
      "upstream_unreachable",
      `the upstream closed the connection before answering${reason(error)}`,
      {
        source: "provider",
        cause: error,
      },
    );
  }
  return new GatewayError("upstream_truncated", `the upstream broke off its answer${reason(error)}`, {
    source: "provider",
    cause: error,
  });
}

/** The code alone: an address in the message would tell callers of the inner network. */
function reason(error: Error): string {
  const { code, cause } = error as Error & { code?: unknown };
  if (typeof code === "string") return ` (${code})`;
  if (cause instanceof Error) return reason(cause);
  return error.name === "Error" ? "" : ` (${error.name})`;
}
