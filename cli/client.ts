/**
 * The admin API as a function. Hides whether a daemon answers through its socket or, with none running, the same
 * handler in this process over the same files.
 */
import { readFileSync } from "node:fs";
import { request as dialPlain, type RequestOptions } from "node:http";
import { request as dialSecure } from "node:https";
import { connect } from "node:net";
import { userInfo } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { AdminAddress, DaemonModule } from "../daemon/admin/contract/calling.ts";
import type { ErrorAnswer } from "../daemon/admin/contract/errors.ts";
import { CliFailure, codeOf, type ExitCode, exitCodes } from "./failure.ts";
import { homeFailure } from "./home-failure.ts";
import { nextStep } from "./next-step.ts";

/** The admin API understood the request and would not do it. */
export class Refusal extends CliFailure {
  readonly status: number;

  constructor(message: string, status: number) {
    super(message, exitOf(status), nextStep(message));
    this.status = status;
  }
}

type QueryValue = string | number | boolean;

export type CallOptions = {
  /** A list: the parameter several times. */
  readonly query?: Readonly<Record<string, QueryValue | readonly QueryValue[] | undefined>>;
  readonly body?: unknown;
  /** Hears how far a long work is, where the daemon tells it. */
  readonly tell?: ((done: number, total: number) => void) | undefined;
};

export type Client = {
  call<Answer>(method: string, path: string, options?: CallOptions): Promise<Answer>;
  /** Streamed answers: one JSON text a line. */
  lines(path: string, options?: CallOptions): AsyncIterable<string>;
  /** Absent when this process answers itself. */
  readonly daemon: AdminAddress | undefined;
  close(): Promise<void>;
};

/** A daemon that starts or stops holds its home for a moment without answering. */
const homeWaitMs = 5_000;
const homePollMs = 50;
/** `audit verify` over millions of records takes its time; a daemon that says nothing for longer is stuck. */
const answerMs = 600_000;
const answerBytesMax = 256_000_000;
const linesType = "application/x-ndjson";

export function homeOf(option: string | undefined, environment: NodeJS.ProcessEnv): string {
  return resolve(option ?? (environment["BIFROST_HOME"] || join(personHome(environment), ".local/share/bifrost")));
}

/** `os.homedir()` takes an empty $HOME for the working directory, and a container's user may be in no list of users. */
function personHome(environment: NodeJS.ProcessEnv): string {
  if (environment["HOME"]) return environment["HOME"];
  try {
    return userInfo().homedir;
  } catch (error) {
    const hint = "Say where with --home <directory> or $BIFROST_HOME.";
    throw new CliFailure("this user has no home directory", exitCodes.usage, hint, error);
  }
}

/** For what only a running daemon can do. */
export async function openDaemon(home: string): Promise<Client> {
  const address = await findDaemon(home);
  if (address !== undefined) return socketClient(address);
  throw new CliFailure(
    `no daemon is running for ${home}`,
    exitCodes.notRunning,
    "Start one with: bifrost serve --detach",
  );
}

/** A daemon elsewhere, by the address of its admin API and a token for it. */
export type Remote = { readonly url: string; readonly token: string };

export function openRemote({ url, token }: Remote): Client {
  const origin = parseOrigin(url);
  const headers = { host: origin.host, authorization: `Bearer ${token}` };
  const port = origin.port === "" ? undefined : Number(origin.port);
  const place = { protocol: origin.protocol, hostname: origin.hostname.replace(/^\[|\]$/g, ""), port };
  return httpClient(undefined, (method, path, options = {}) => exchange(place, headers, method, path, options));
}

function parseOrigin(url: string): URL {
  const origin = URL.parse(url);
  if (origin !== null && /^https?:$/.test(origin.protocol) && origin.pathname === "/") return origin;
  throw new CliFailure(`"${url}" is not the address of an admin API`, exitCodes.usage, "Write it as http://host:8081.");
}

export async function openClient(home: string, loadDaemon: () => Promise<DaemonModule>): Promise<Client> {
  const deadline = performance.now() + homeWaitMs;
  for (;;) {
    const address = await findDaemon(home);
    if (address !== undefined) return socketClient(address);
    try {
      return await offlineClient(home, loadDaemon);
    } catch (error) {
      if (codeOf(error) !== "already_running" || performance.now() > deadline) throw homeFailure(home, error) ?? error;
    }
    await pause(homePollMs);
  }
}

/** The address of a daemon that answers; a file left by a dead one counts for nothing. */
export async function findDaemon(home: string): Promise<AdminAddress | undefined> {
  let address: AdminAddress;
  try {
    address = JSON.parse(readFileSync(join(home, "admin.json"), "utf8")) as AdminAddress;
  } catch (error) {
    if (codeOf(error) === "EACCES") throw new CliFailure(`${home} belongs to another user`, exitCodes.failure);
    return undefined;
  }
  return (await answers(address.socket)) ? address : undefined;
}

function answers(socket: string): Promise<boolean> {
  return new Promise((settle, reject) => {
    const probe = connect(socket);
    probe.once("connect", () => {
      probe.destroy();
      settle(true);
    });
    probe.once("error", (error) => {
      if (codeOf(error) === "EACCES") reject(new CliFailure(`the daemon's socket ${socket} belongs to another user`));
      else settle(false);
    });
  });
}

function socketClient(address: AdminAddress): Client {
  return httpClient(address, (method, path, options = {}) =>
    exchange({ socketPath: address.socket }, { host: "bifrost" }, method, path, options),
  );
}

function httpClient(
  daemon: AdminAddress | undefined,
  send: (method: string, path: string, options?: CallOptions) => ReturnType<typeof exchange>,
): Client {
  return {
    daemon,
    async call<Answer>(method: string, path: string, options?: CallOptions) {
      const { status, chunks, isLines } = await send(method, path, options);
      if (isLines && options?.tell !== undefined) return lastTold<Answer>(splitLines(chunks), options.tell);
      return take<Answer>(status, parseAnswer(await collect(chunks)));
    },
    async *lines(path, options) {
      const { status, chunks } = await send("GET", path, options);
      if (status >= 400) take(status, parseAnswer(await collect(chunks)));
      yield* splitLines(chunks);
    },
    close: () => Promise.resolve(),
  };
}

async function offlineClient(home: string, loadDaemon: () => Promise<DaemonModule>): Promise<Client> {
  const { openOffline } = await loadDaemon();
  const admin = await openOffline(home);
  const handle = (method: string, path: string, { query, body, tell }: CallOptions = {}) =>
    admin.handle({
      ...{ method, path: withQuery(path, query) },
      ...(body === undefined ? {} : { body }),
      ...(tell === undefined ? {} : { accept: linesType }),
    });
  return {
    daemon: undefined,
    async call<Answer>(method: string, path: string, options?: CallOptions) {
      const response = await handle(method, path, options);
      if ("lines" in response && options?.tell !== undefined) return lastTold<Answer>(response.lines, options.tell);
      if (!("body" in response)) throw new TypeError(`${path} answers in lines`);
      return take<Answer>(response.status, response.body);
    },
    async *lines(path, options) {
      const response = await handle("GET", path, options);
      if ("lines" in response) yield* response.lines;
      else if ("text" in response) yield* response.text;
      else if ("events" in response) yield* response.events;
      else take(response.status, response.body);
    },
    close: () => admin.close(),
  };
}

type Place = Pick<RequestOptions, "socketPath" | "protocol" | "hostname" | "port">;

function exchange(
  place: Place,
  own: Readonly<Record<string, string>>,
  method: string,
  path: string,
  { query, body, tell }: CallOptions,
): Promise<{ readonly status: number; readonly chunks: AsyncIterable<Buffer>; readonly isLines: boolean }> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const headers: Record<string, string | number> = { ...own, connection: "close" };
  if (text !== undefined) {
    headers["content-type"] = "application/json";
    headers["content-length"] = Buffer.byteLength(text);
  }
  if (tell !== undefined) headers["accept"] = linesType;
  return new Promise((settle, reject) => {
    const dial = place.protocol === "https:" ? dialSecure : dialPlain;
    const outgoing = dial({
      ...place,
      method,
      path: withQuery(path, query),
      headers,
      agent: false,
      timeout: answerMs,
    });
    outgoing.once("response", (incoming) => {
      const isLines = incoming.headers["content-type"] === linesType;
      settle({ status: incoming.statusCode ?? 0, chunks: incoming, isLines });
    });
    outgoing.once("timeout", () => outgoing.destroy(new Error("no answer in time")));
    outgoing.once("error", (error) => reject(lostDaemon(error, place.hostname)));
    outgoing.end(text);
  });
}

function lostDaemon(error: Error, elsewhere: string | null | undefined): CliFailure {
  const code = codeOf(error) ?? "";
  if (code === "ECONNREFUSED" && elsewhere) {
    const hint = "Its config says where it listens for them: `admin.listen`.";
    return new CliFailure(`no daemon takes commands there: ${error.message}`, exitCodes.notRunning, hint, error);
  }
  if (new Set(["ECONNREFUSED", "ENOENT", "ECONNRESET", "EPIPE"]).has(code))
    return new CliFailure("the daemon went away before it answered", exitCodes.notRunning, undefined, error);
  const [words, hint] = elsewhere ? unreached(code, elsewhere) : [];
  return new CliFailure(words ?? `the daemon did not answer: ${error.message}`, exitCodes.failure, hint, error);
}

/** Why an address elsewhere cannot be talked to, and what to do. */
function unreached(code: string, host: string): readonly [words?: string, hint?: string] {
  const again = "Mend --url or $BIFROST_URL.";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return [`the name ${host} does not resolve`, again];
  if (code === "EHOSTUNREACH" || code === "ENETUNREACH" || code === "ETIMEDOUT")
    return [`there is no way from here to ${host}`, again];
  if (code === "EPROTO")
    return [`${host} speaks no TLS there`, "Write http://, or name what speaks TLS in front of it."];
  if (/CERT|SIGNATURE|ISSUER/.test(code))
    return [`the certificate of ${host} is not trusted: ${code}`, "Name its authority's file in $NODE_EXTRA_CA_CERTS."];
  return [];
}

async function collect(chunks: AsyncIterable<Buffer>): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of intact(chunks)) {
    size += chunk.length;
    if (size > answerBytesMax) throw new CliFailure(`the answer is larger than ${answerBytesMax} bytes`);
    parts.push(chunk);
  }
  return Buffer.concat(parts).toString("utf8");
}

async function* splitLines(chunks: AsyncIterable<Buffer>): AsyncIterable<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of intact(chunks)) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

/** An answer that breaks off is an error, not a short answer. */
async function* intact(chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  try {
    yield* chunks;
  } catch (error) {
    throw new CliFailure("the daemon's answer broke off", exitCodes.failure, undefined, error);
  }
}

function parseAnswer(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CliFailure("the daemon's answer is not JSON", exitCodes.failure, undefined, error);
  }
}

function take<Answer>(status: number, body: unknown): Answer {
  if (status < 400) return body as Answer;
  const { error } = body as ErrorAnswer;
  throw new Refusal(error.message, status);
}

/** An older daemon tells nothing and answers at once. */
async function lastTold<Answer>(
  lines: AsyncIterable<string>,
  tell: (done: number, total: number) => void,
): Promise<Answer> {
  for await (const line of lines) {
    const said = parseAnswer(line) as Told;
    if ("answer" in said) return said.answer as Answer;
    if ("error" in said) return take(500, said);
    tell(said.done, said.total);
  }
  throw new CliFailure("the daemon's answer broke off", exitCodes.failure);
}

type Told = { readonly done: number; readonly total: number } | { readonly answer: unknown } | ErrorAnswer;

function exitOf(status: number): ExitCode {
  if (status === 404) return exitCodes.notFound;
  return status === 400 ? exitCodes.usage : exitCodes.failure;
}

function withQuery(path: string, query: CallOptions["query"] = {}): string {
  const said = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().map((each) => [name, String(each)] as [string, string]),
  );
  return said.length === 0 ? path : `${path}?${new URLSearchParams(said)}`;
}
