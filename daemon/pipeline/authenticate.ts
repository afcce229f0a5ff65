/** Stage 1: headers → Caller. Hides where the different SDKs put a key, and that a store fault is never a 401. */
import type { IncomingHttpHeaders } from "node:http";
import { GatewayError } from "../../providers/gateway-error.ts";
import type { KeyReader } from "../governance/key-table.ts";
import { hashKey, keyStart } from "../governance/keys-format.ts";
import type { Caller } from "./exchange.ts";

const everything: readonly string[] = ["*"];
const openCaller: Caller = { keyRow: -1, keyId: 0, scopes: [], models: everything };
/** Longer than any key of ours; what is longer is not hashed. */
const keyCharactersMax = 512;

const lastKey = Symbol("last key");
/** What a client connection remembers: the key that was found last. */
export type Connection = { [lastKey]?: { readonly secret: string; readonly row: number } };

export function authenticate(
  headers: IncomingHttpHeaders,
  keys: KeyReader,
  open: boolean,
  nowMs: number,
  connection?: Connection,
  target?: string,
): Caller {
  if (open) return openCaller;
  const secret = presentedKey(headers, target);
  if (secret === undefined) {
    throw new GatewayError(
      "missing_api_key",
      "no API key: send a virtual key as `Authorization: Bearer sk-bf-…`, or where your SDK puts its key",
      { source: "client" },
    );
  }
  const row = findRow(secret, keys, nowMs, connection);
  if (row < 0) {
    throw new GatewayError("invalid_api_key", "this API key is not known here", { source: "client" });
  }
  return usableCaller(row, keys, nowMs);
}

/** By what a key can be found again, over a restart too. */
export function presentedHash(headers: IncomingHttpHeaders, target: string | undefined): Buffer | undefined {
  const secret = presentedKey(headers, target);
  return secret === undefined ? undefined : hashKey(secret);
}

/** A key that was found before, by its place in the table, which another may have by now. */
export function callerAt(row: number, keyId: number, keys: KeyReader, nowMs: number): Caller {
  if (keys.keyId(row) !== keyId) throw keyGone();
  return usableCaller(row, keys, nowMs);
}

export function keyGone(): GatewayError {
  return new GatewayError("invalid_api_key", "the key of this client secret is gone", { source: "client" });
}

function usableCaller(row: number, keys: KeyReader, nowMs: number): Caller {
  assertUsable(keys, row, nowMs);
  const policy = keys.policy(row);
  const { models, providers, unsupported } = policy;
  return { keyRow: row, keyId: keys.keyId(row), scopes: keys.scopes(row), models, providers, unsupported, policy };
}

/**
 * A connection repeats its key with every request, and hashing it takes longer than all the rest of this stage. The
 * row it was found in stays a name for that secret: when the key is revoked or rotated, its state says so.
 */
function findRow(secret: string, keys: KeyReader, nowMs: number, connection: Connection | undefined): number {
  if (secret.length > keyCharactersMax) return -1;
  const last = connection?.[lastKey];
  if (last !== undefined && last.secret === secret && keys.state(last.row, nowMs) === "ok") return last.row;
  const row = keys.find(hashKey(secret));
  if (row >= 0 && connection !== undefined) connection[lastKey] = { secret, row };
  return row;
}

/** Also asked again before each hop: a key revoked a moment ago must not start another call. */
export function assertUsable(keys: KeyReader, row: number, nowMs: number): void {
  const state = keys.state(row, nowMs);
  if (state === "ok") return;
  if (state === "expired") throw new GatewayError("expired_api_key", "this API key has expired", { source: "client" });
  throw new GatewayError(
    "blocked_api_key",
    state === "revoked" ? "this API key has been revoked" : "this API key is disabled",
    { source: "client" },
  );
}

/**
 * Whichever header the caller's SDK has for a key. Where several are there, one of ours is meant: a harness may send its
 * own account's token beside it.
 */
function presentedKey(headers: IncomingHttpHeaders, target: string | undefined): string | undefined {
  const token = bearerToken(headers.authorization);
  if (token?.startsWith(keyStart)) return token;
  let first = token;
  for (const name of keyHeaders) {
    const value = headers[name];
    if (typeof value !== "string" || value === "") continue;
    if (value.startsWith(keyStart)) return value;
    first ??= value;
  }
  return first ?? accessKeyId(headers.authorization) ?? keyInQuery(target);
}

const keyHeaders = ["x-bf-vk", "x-api-key", "api-key", "x-goog-api-key", "x-litellm-api-key"] as const;

function bearerToken(authorization: string | undefined): string | undefined {
  if (authorization === undefined || authorization.length <= 7) return undefined;
  if (authorization.slice(0, 7).toLowerCase() !== "bearer ") return undefined;
  const token = authorization.slice(7).trim();
  return token === "" ? undefined : token;
}

/** AWS SDKs sign with a secret that we have no use for: the virtual key is the access key id, which they send in clear. */
function accessKeyId(authorization: string | undefined): string | undefined {
  return authorization === undefined
    ? undefined
    : /^AWS4-HMAC-SHA256\s+Credential=([^/,\s]+)\//.exec(authorization)?.[1];
}

/** Gemini's oldest form: `?key=`. It is read here and goes nowhere else. */
function keyInQuery(target: string | undefined): string | undefined {
  const query = target?.indexOf("?") ?? -1;
  if (query < 0) return undefined;
  const key = new URLSearchParams(target!.slice(query + 1)).get("key");
  return key === null || key === "" ? undefined : key;
}
