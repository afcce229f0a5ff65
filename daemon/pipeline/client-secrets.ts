/**
 * Secrets for a browser that is to open one realtime session. OpenAI's would be good at OpenAI, where nobody counts what
 * they spend; these are ours, good for a while and for the one model, and a session that is opened with one is its key's.
 * Hides where they are kept (with the kept responses, by their hash) and that the session is told to the provider later.
 */
import { createHash, randomBytes } from "node:crypto";
import { GatewayError } from "../../providers/gateway-error.ts";
import { parseJson, shape } from "../../providers/json.ts";
import { sendBody } from "../http/reply.ts";
import { findEndpoint, noEndpoint } from "../routing/endpoints.ts";
import { findTarget } from "../routing/resolve.ts";
import { admit } from "./admit.ts";
import { keyGone, presentedHash } from "./authenticate.ts";
import type { Exchange } from "./exchange.ts";
import type { Plane } from "./plane.ts";
import { settle } from "./settle.ts";

export const secretStart = "ek_bf_";
const secretBytes = 32;
const sessionBytesMax = 64 * 1024;
/** As OpenAI has it, for the one path and the other. */
const secondsUsual = { "realtime.client_secrets": 600, "realtime.sessions": 60 } as const;
const secondsMax = 7_200;
/** Nobody's number, so that none of these is ever taken for a response. */
const nobody = -1;

/** What a secret allows. */
export type Grant = {
  readonly keyId: number;
  /** Of the key in the table of keys. */
  readonly row: number;
  readonly model: string;
  /** Unix time, ms. */
  readonly expiresAt: number;
  /** Told to the provider as the session begins. */
  readonly session: Readonly<Record<string, unknown>>;
};

/** Rows are given out anew at each start, and to others in between: the key's secret is known by its hash. */
type KeptGrant = Omit<Grant, "row"> & { readonly keyHash: string | undefined };

export async function answerSecret(exchange: Exchange, plane: Plane): Promise<void> {
  const { generation, route, caller } = exchange;
  const body = shape(parseJson(exchange.body!.toString("utf8")));
  const isNew = route.name === "realtime.client_secrets";
  const { expires_after: newExpiry, client_secret: old, ...rest } = body;
  const { model, ...session } = isNew ? shape(body["session"]) : rest;
  if (typeof model !== "string") throw refused(`${isNew ? "session.model" : "model"} is required`, "model");
  if (isNew && session["type"] !== "realtime")
    throw refused("only sessions of type realtime are opened here", "session.type");
  if (JSON.stringify(session).length > sessionBytesMax)
    throw refused(`a session is longer than ${sessionBytesMax} bytes`, "session");
  const seconds =
    secondsOf(isNew ? newExpiry : shape(old)["expires_after"]) ??
    secondsUsual[isNew ? "realtime.client_secrets" : "realtime.sessions"];
  const target = findTarget(generation, model);
  if (target === undefined) throw notFound(model);
  const { endpoints, data } = target.provider;
  if (findEndpoint(endpoints, "realtime", route.dialect, target) === undefined || data.baseUrl.startsWith("echo:"))
    throw noEndpoint(target.provider, "realtime");
  exchange.view = { ...exchange.view!, model };
  const lease = admit(exchange, { ...target, free: true }, plane);
  exchange.target = target;
  settle(exchange, lease, { sent: false, refused: true, usage: undefined, finished: true, outputBytes: 0 }, plane);

  const value = secretStart + randomBytes(secretBytes).toString("base64url");
  const expiresAt = exchange.at + seconds * 1_000;
  const { headers, url } = exchange.request;
  const keyHash = caller!.keyRow < 0 ? undefined : presentedHash(headers, url)?.toString("base64");
  const grant: KeptGrant = { keyId: caller!.keyId, keyHash, model, expiresAt, session };
  const id = idOf(value);
  const kept = {
    id,
    keyId: nobody,
    provider: undefined,
    previous: undefined,
    at: exchange.at,
    input: "",
    response: JSON.stringify(grant),
    items: [],
  };
  // Asked for again, so that it is there, for every worker, when its client has it.
  if (!plane.responses.put(kept) || (await plane.responses.get(id, nobody)) === undefined)
    throw new GatewayError("database_unavailable", "the secret cannot be kept now; try again shortly", {
      source: "gateway",
      retryAfterMs: 1_000,
    });
  send(
    exchange,
    { id: `sess_${exchange.id}`, object: "realtime.session", ...session, model },
    { value, expires_at: Math.floor(expiresAt / 1_000) },
    isNew,
  );
}

function send(
  exchange: Exchange,
  session: object,
  secret: { readonly value: string; readonly expires_at: number },
  isNew: boolean,
): void {
  const told = isNew ? { ...secret, session } : { ...session, client_secret: secret };
  const body = Buffer.from(JSON.stringify(told));
  exchange.status = 200;
  exchange.released = true;
  exchange.bytesOut = body.length;
  sendBody(exchange.response, 200, "application/json", body, exchange.id, ["cache-control", "no-store"]);
}

/** Whose session it may open; throws for one that is not known, or no longer. */
export async function openSecret(value: string, plane: Plane): Promise<Grant> {
  const kept = await plane.responses.get(idOf(value), nobody);
  if (kept === undefined)
    throw new GatewayError("invalid_api_key", "this client secret is not known here", { source: "client" });
  const { keyHash, ...grant } = JSON.parse(kept.response) as KeptGrant;
  if (grant.expiresAt < Date.now())
    throw new GatewayError("expired_api_key", "this client secret has expired", { source: "client" });
  if (keyHash === undefined) return { ...grant, row: -1 };
  const row = plane.keys.find(Buffer.from(keyHash, "base64"));
  if (row < 0) throw keyGone();
  return { ...grant, row };
}

function idOf(value: string): string {
  return secretStart + createHash("sha256").update(value).digest("hex");
}

function secondsOf(told: unknown): number | undefined {
  if (told === undefined || told === null) return undefined;
  const { seconds } = shape(told);
  if (seconds === undefined) return undefined;
  if (Number.isInteger(seconds) && (seconds as number) >= 1 && (seconds as number) <= secondsMax)
    return seconds as number;
  throw refused(`expires_after.seconds must be a whole number from 1 to ${secondsMax}`, "expires_after.seconds");
}

function notFound(model: string): GatewayError {
  return new GatewayError("model_not_found", `no provider offers the model "${model.slice(0, 200)}"`, {
    source: "client",
    param: "model",
  });
}

function refused(message: string, param: string): GatewayError {
  return new GatewayError("invalid_request", message, { source: "client", param });
}
