/**
 * With `network.egress: closed`, refuses a connection to whatever is not an address of the config, whichever library
 * makes it. Hides the one place that all of them pass: a socket's `connect`. While egress is open nothing is put there.
 */
import { Socket } from "node:net";
import { BroadcastChannel, getEnvironmentData, setEnvironmentData } from "node:worker_threads";
import { type EgressAddress, keyOf } from "./addresses.ts";

type Connect = (this: Socket, ...args: unknown[]) => Socket;

const channelName = "bifrost.egress";
const original = Socket.prototype.connect as unknown as Connect;
let allowed: ReadonlySet<string> | undefined;
let refused: (address: string) => void = () => undefined;

/** In this thread, from now on. Undefined: everything may be called. */
export function limitEgress(addresses: readonly EgressAddress[] | undefined): void {
  allowed = addresses === undefined ? undefined : new Set(addresses.map(({ host, port }) => keyOf(host, port)));
  (Socket.prototype as { connect: unknown }).connect = allowed === undefined ? original : guarded;
}

/** Called with each address that was refused. */
export function onRefused(listener: (address: string) => void): void {
  refused = listener;
}

/** From the main thread: here, in every thread that follows, and in those that are yet to start. */
export function tellEgress(addresses: readonly EgressAddress[] | undefined): void {
  limitEgress(addresses);
  setEnvironmentData(channelName, (addresses ?? null) as never);
  const channel = new BroadcastChannel(channelName);
  channel.postMessage(addresses ?? null);
  channel.close();
}

/** In a thread that is told no generations. */
export function followEgress(): void {
  limitEgress((getEnvironmentData(channelName) as unknown as readonly EgressAddress[] | null | undefined) ?? undefined);
  const channel = new BroadcastChannel(channelName);
  channel.onmessage = (event) => limitEgress((event as { data: readonly EgressAddress[] | null }).data ?? undefined);
  (channel as unknown as { unref(): void }).unref();
}

const guarded: Connect = function guarded(...args) {
  const wanted = destinationOf(args);
  if (wanted === undefined || allowed?.has(wanted) !== false) return original.apply(this, args);
  refused(wanted);
  const error = Object.assign(new Error(`egress is closed, and ${wanted} is no address of the config`), {
    code: "EGRESS_CLOSED",
  });
  process.nextTick(() => this.destroy(error)); // as any connection that fails: not before the caller listens
  return this;
};

/** Undefined: a path on this machine. */
function destinationOf(args: readonly unknown[]): string | undefined {
  const first = Array.isArray(args[0]) ? args[0][0] : args[0];
  if (typeof first === "object" && first !== null) {
    const { path, host, port } = first as { path?: string; host?: string; port?: number | string };
    return path ? undefined : keyOf(host ?? "localhost", Number(port));
  }
  if (typeof first === "string" && !/^\d+$/.test(first)) return undefined;
  return keyOf(typeof args[1] === "string" ? args[1] : "localhost", Number(first));
}
