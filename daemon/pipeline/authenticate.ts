/** Stage 1: headers → Caller. Hides where the different SDKs put a key, and that a store fault is never a 401. */
import type { IncomingHttpHeaders } from "node:http";
import { GatewayError } from "../../providers/gateway-error.ts";
import type { KeyReader } from "../governance/key-table.ts";
import { hashKey } from "../governance/keys-format.ts";
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
): Caller {
  if (open) return openCaller;
  const secret = presentedKey(headers);
  if (secret === undefined) {
    throw new GatewayError(
      "missing_api_key",
      "no API key: send a virtual key as `Authorization: Bearer sk-bf-…` or `x-api-key`",
      { source: "client" },
    );
  }
  const row = findRow(secret, keys, nowMs, connection);
  if (row < 0) {
    throw new GatewayError("invalid_api_key", "this API key is not known here", { source: "client" });
  }
  assertUsable(keys, row, nowMs);
  return { keyRow: row, keyId: keys.keyId(row), scopes: keys.scopes(row), models: keys.policy(row).models };
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

function presentedKey(headers: IncomingHttpHeaders): string | undefined {
  const { authorization } = headers;
  if (
    authorization !== undefined &&
    authorization.length > 7 &&
    authorization.slice(0, 7).toLowerCase() === "bearer "
  ) {
    const token = authorization.slice(7).trim();
    if (token !== "") return token;
  }
  const key = headers["x-api-key"] ?? headers["api-key"];
  return typeof key === "string" && key !== "" ? key : undefined;
}
