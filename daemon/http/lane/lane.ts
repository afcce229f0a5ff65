/**
 * The lane for plain requests: a connection whose requests come whole, one after the other, is read and answered
 * without node's HTTP, which costs as much as the rest of a request together (docs/decisions/0008). Hides when a
 * connection leaves the lane: whatever is unusual is handed, with every byte so far, to node's own parser, and stays
 * there. So nothing is refused here, and nothing has two readings.
 */
import type { Server } from "node:http";
import type { Socket } from "node:net";
import type { Route } from "../../pipeline/exchange.ts";
import { readAccepted, readAsData } from "../../runtime/read-buffer.ts";
import type { ClientResponse, WholeRequest } from "../client-messages.ts";
import { LaneResponse, type ResponseOwner } from "./lane-response.ts";
import { type RequestHead, readRequestHead } from "./request-head.ts";

/** What a path asks for, and the model that it names, where it is one that does. */
export type PlainCall = { readonly route: Route; readonly model: string | undefined };

export type LaneOptions = {
  /** The call of a path whose requests may come here: those whose body is read whole anyway. */
  readonly callOf: (url: string) => PlainCall | undefined;
  readonly serve: (call: PlainCall, request: WholeRequest, response: ClientResponse) => void;
  /** False while the daemon drains: connections then end with their answer. */
  readonly mayKeep: () => boolean;
  /** A connection between requests is closed after this. */
  readonly keepAliveMs: number;
  /** A connection's first request must have come within. */
  readonly headMs: number;
  /** A longer body is refused before it comes, which is not done here. */
  readonly bodyBytesMax: () => number;
  /** A longer head is for node to refuse. */
  readonly headBytesMax: number;
};

/** A request larger than this, head and body, is node's. */
const requestBytesMax = 128 * 1024;
/** Connections are looked at this often: silent ones are closed, requests that do not come whole are handed over. */
const sweepMs = 1_000;
/** What comes whole comes within this. */
const pendingMsMax = 5_000;
const headEnd = "\r\n\r\n";
/** Bytes that may follow a request; what begins otherwise is not HTTP. */
const nextRequest = /^(?:\r\n)*(?:[A-Z]{1,20}(?: |$)|$)/;

/** Puts the lane before `server`'s own handling of connections. */
export function openLane(server: Server, options: LaneOptions): void {
  const others = server.listeners("connection") as ((this: Server, socket: Socket) => void)[];
  const connections = new Set<LaneConnection>();
  const keepAliveHeaders = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(options.keepAliveMs / 1000)}\r\n`;
  const clock = { sweeps: 0 };
  const surroundings: Surroundings = {
    ...options,
    clock,
    keepAliveHeaders,
    forget: (connection) => connections.delete(connection),
    handOver: (socket) => {
      for (const other of others) other.call(server, socket);
    },
  };
  server.removeAllListeners("connection");
  server.on("connection", (socket: Socket) => connections.add(new LaneConnection(socket, surroundings)));
  const timer = setInterval(() => {
    clock.sweeps++;
    for (const connection of connections) connection.sweep();
  }, sweepMs).unref();
  server.on("close", () => clearInterval(timer));

  const closeIdle = server.closeIdleConnections.bind(server);
  server.closeIdleConnections = () => {
    closeIdle();
    for (const connection of connections) connection.closeIdle();
  };
  const closeAll = server.closeAllConnections.bind(server);
  server.closeAllConnections = () => {
    closeAll();
    for (const connection of connections) connection.destroy();
  };
}

type Surroundings = LaneOptions & {
  /** How often the connections were looked at: time that no stall of this thread makes longer than it was. */
  readonly clock: { readonly sweeps: number };
  readonly keepAliveHeaders: string;
  readonly forget: (connection: LaneConnection) => void;
  readonly handOver: (socket: Socket) => void;
};

class LaneConnection implements ResponseOwner {
  readonly #socket: Socket;
  readonly #around: Surroundings;
  /** Bytes of a request that is not whole, or that came while another was served. */
  #pending: Buffer | undefined;
  #response: LaneResponse | undefined;
  /** When the connection fell silent, in sweeps. */
  #since: number;
  #silenceMax: number;
  readonly #onData = (bytes: Buffer): void => this.#read(bytes);
  readonly #onEnd = (): void => this.destroy(); // a half-closed client counts as gone
  readonly #onClose = (): void => this.#closed();
  readonly #onDrain = (): void => {
    this.#response?.emit("drain");
  };

  constructor(socket: Socket, around: Surroundings) {
    this.#socket = socket;
    this.#around = around;
    this.#since = around.clock.sweeps;
    this.#silenceMax = sweepsIn(around.headMs);
    socket.on("error", ignore); // a reset connection; "close" follows
    readAccepted(socket, this.#onData);
    socket.on("data", this.#onData);
    socket.on("end", this.#onEnd);
    socket.on("close", this.#onClose);
    socket.on("drain", this.#onDrain);
  }

  mayKeep(): boolean {
    return this.#around.mayKeep();
  }

  answered(keep: boolean): void {
    this.#response = undefined;
    this.#since = this.#around.clock.sweeps;
    this.#silenceMax = sweepsIn(this.#around.keepAliveMs);
    if (!keep) {
      this.#socket.end();
      return;
    }
    if (this.#socket.timeout !== undefined && this.#socket.timeout > 0) this.#socket.setTimeout(0);
    if (this.#pending !== undefined) process.nextTick(() => this.#next());
  }

  sweep(): void {
    if (this.#response !== undefined) return;
    const silence = this.#around.clock.sweeps - this.#since;
    if (this.#pending === undefined) {
      if (silence > this.#silenceMax) this.destroy();
    } else if (silence > sweepsIn(pendingMsMax)) this.#leave(this.#pending);
  }

  closeIdle(): void {
    if (this.#response === undefined) this.destroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #read(bytes: Buffer): void {
    const pending = this.#pending;
    const all = pending === undefined ? bytes : Buffer.concat([pending, bytes]);
    if (this.#response === undefined) {
      this.#take(all);
      return;
    }
    this.#pending = all;
    if (!nextRequest.test(all.toString("latin1", 0, 32))) this.destroy();
    else if (all.length > requestBytesMax) this.#socket.pause();
  }

  #next(): void {
    const pending = this.#pending;
    if (pending === undefined || this.#response !== undefined) return;
    this.#pending = undefined;
    if (this.#socket.isPaused()) this.#socket.resume();
    this.#take(pending);
  }

  /** Serves what is one whole plain request, waits for the rest of one, and hands over everything else. */
  #take(bytes: Buffer): void {
    const { headBytesMax, callOf } = this.#around;
    const end = bytes.indexOf(headEnd, 0, "latin1");
    const head = end < 0 || end > headBytesMax ? undefined : readRequestHead(bytes.toString("latin1", 0, end + 2));
    const call = head === undefined ? undefined : callOf(head.url);
    if (head === undefined || call === undefined) {
      this.#leave(bytes);
      return;
    }
    const length = end + headEnd.length + head.length;
    const isLong = length > requestBytesMax || head.length > this.#around.bodyBytesMax();
    if (isLong || bytes.length > length) {
      this.#leave(bytes);
      return;
    }
    if (bytes.length < length) {
      if (this.#pending === undefined) this.#since = this.#around.clock.sweeps;
      this.#pending = bytes;
      return;
    }
    this.#pending = undefined;
    this.#serve(call, head, bytes.subarray(end + headEnd.length));
  }

  #serve(call: PlainCall, { url, headers, rawHeaders }: RequestHead, wholeBody: Buffer): void {
    const response = new LaneResponse(this.#socket, this, this.#around.keepAliveHeaders);
    this.#response = response;
    this.#around.serve(call, { method: "POST", url, headers, rawHeaders, socket: this.#socket, wholeBody }, response);
  }

  /** To node's parser, from the first byte that was not answered. */
  #leave(bytes: Buffer): void {
    const socket = this.#socket;
    this.#pending = undefined;
    this.#around.forget(this);
    readAsData(socket);
    socket.off("error", ignore);
    socket.off("data", this.#onData);
    socket.off("end", this.#onEnd);
    socket.off("close", this.#onClose);
    socket.off("drain", this.#onDrain);
    socket.unshift(bytes);
    this.#around.handOver(socket);
  }

  #closed(): void {
    this.#around.forget(this);
    this.#response?.closed();
    this.#response = undefined;
  }
}

/** Whoever falls silent right before a sweep must not be ended by it: more sweeps than this, and the time is over. */
function sweepsIn(ms: number): number {
  return Math.ceil(ms / sweepMs);
}

function ignore(): void {}
