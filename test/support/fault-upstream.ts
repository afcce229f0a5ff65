/**
 * Starts the misbehaving upstream as a process and asks it, over its control port, what it received.
 * Hides the process, its ports and its end.
 */
import { type ChildProcess, spawn } from "node:child_process";
import net from "node:net";
import { fileURLToPath } from "node:url";
import { hold } from "./daemon.ts";
import { until } from "./until.ts";
import type { Wire } from "./wire-frames.ts";

/** One request as the upstream saw it; times are `Date.now()` of the same machine. */
export type RecordedCall = {
  readonly index: number;
  readonly at: number;
  readonly connection: number;
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly wire: Wire;
  readonly model: string;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  /** Embeddings were asked for in base64. */
  readonly base64: boolean;
  readonly bodyBytes: number;
  /** Bytes of the answer that the kernel has taken. */
  readonly bytesWritten: number;
  readonly steps: number;
  /** Every step was played, or the connection ended. */
  readonly endedAt?: number;
  /** The other side closed or reset while the answer was still going on. */
  readonly clientLeftAt?: number;
  readonly socketClosedAt?: number;
};

/** An answer given literally: the bytes of `chunks`, one write each. */
export type Script = {
  readonly status: number;
  /** With a `content-length` the chunks are sent as they are, otherwise chunked. */
  readonly headers: Readonly<Record<string, string>>;
  readonly chunks: readonly { readonly data: string; readonly delayMs?: number }[];
  readonly encoding?: "utf8" | "base64" | "latin1";
  readonly ending?: "end" | "close" | "reset" | "hang";
};

export type FaultUpstream = {
  /** Without a path: `${origin}/v1` is OpenAI's base URL, `origin` Anthropic's. */
  readonly origin: string;
  /** A port on which nobody listens: F1. */
  readonly closedOrigin: string;
  /** Calls so far, oldest first; with `model` only those that asked for it. */
  readonly calls: (model?: string) => Promise<readonly RecordedCall[]>;
  readonly openConnections: () => Promise<number>;
  readonly body: (index: number) => Promise<Buffer>;
  /** Lets the call go on past a gate. */
  readonly step: (index: number) => Promise<void>;
  /** Afterwards the model `script-${id}` answers with it. */
  readonly script: (id: string, script: Script) => Promise<void>;
  /** The first call for which `condition` holds; fails after `withinMs`. */
  readonly call: (
    model: string,
    condition?: (call: RecordedCall) => boolean,
    withinMs?: number,
  ) => Promise<RecordedCall>;
  readonly stop: () => Promise<void>;
};

/** What the process is asked it answers at once, however busy the machine. */
const controlMsMax = 30_000;
const stopMsMax = 10_000;

export async function startFaultUpstream(): Promise<FaultUpstream> {
  const child = spawn(process.execPath, [fileURLToPath(new URL("./fault-upstream-process.ts", import.meta.url))], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { PATH: process.env["PATH"], NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] },
  });
  const ports = await firstLine(child);
  hold(child, false);
  const { data, control } = JSON.parse(ports) as { data: number; control: number };
  const ask = async (path: string, init?: RequestInit) => {
    const signal = AbortSignal.timeout(controlMsMax);
    const response = await fetch(`http://127.0.0.1:${control}${path}`, { ...init, signal });
    if (!response.ok) throw new Error(`fault upstream: ${path} answered ${response.status}`);
    return response;
  };
  const state = async (model?: string) => {
    const query = model === undefined ? "" : `?model=${encodeURIComponent(model)}`;
    return (await (await ask(`/calls${query}`)).json()) as { openConnections: number; calls: RecordedCall[] };
  };
  const calls = async (model?: string) => (await state(model)).calls;
  return {
    origin: `http://127.0.0.1:${data}`,
    closedOrigin: `http://127.0.0.1:${await closedPort()}`,
    calls,
    openConnections: async () => (await state("")).openConnections,
    body: async (index) => Buffer.from(await (await ask(`/body?index=${index}`)).arrayBuffer()),
    step: async (index) => void (await (await ask(`/step?index=${index}`, { method: "POST" })).text()),
    script: async (id, script) => {
      const init = { method: "POST", body: JSON.stringify(script) };
      await (await ask(`/script?id=${encodeURIComponent(id)}`, init)).text();
    },
    call: (model, condition = () => true, withinMs = 5000) =>
      until(`a call of ${model}`, async () => (await calls(model)).find(condition), withinMs),
    stop: () => stopped(child),
  };
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    child.stdout?.setEncoding("utf8").on("data", (part: string) => {
      text += part;
      if (text.includes("\n")) resolve(text.slice(0, text.indexOf("\n")));
    });
    child.once("exit", (code) => reject(new Error(`fault upstream ended at once with ${code}`)));
  });
}

function stopped(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    hold(child, true);
    const late = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`the fault upstream did not end within ${stopMsMax} ms of being told to`));
    }, stopMsMax);
    child.once("exit", () => {
      clearTimeout(late);
      resolve();
    });
    child.stdin?.end();
  });
}

/** Bound and given back: the kernel hands ephemeral ports out in turn, so nobody gets this one soon. */
async function closedPort(): Promise<number> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
