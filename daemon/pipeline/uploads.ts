/**
 * Google's uploads, which go on for as many calls as they need: the first is told an address for the others. Hides that
 * this address is here, and names the provider and what its own address said.
 */
import { GatewayError } from "../../providers/gateway-error.ts";
import type { Exchange } from "./exchange.ts";
import { joinId, splitId } from "./object-ids.ts";
import { ownAddress } from "./own-address.ts";

/** Told of an upload, for its client. */
const toldHeaders = ["x-goog-upload-status", "x-goog-upload-size-received", "x-goog-upload-chunk-granularity"] as const;
const tokenCharactersMax = 4_096;

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** A call that brings bytes, or asks how many there are, whatever it says that they are. */
export function continuesUpload({ route, request }: Exchange): boolean {
  return route.operation === "uploads" && tokenOf(request.url) !== undefined;
}

/** The upload that a call goes on with, as a caller knows it: `gemini~dXBsb2…`. */
export function tokenOf(url: string | undefined): string | undefined {
  const at = url?.indexOf("?") ?? -1;
  const token = at < 0 ? null : new URLSearchParams(url!.slice(at + 1)).get("upload_id");
  return token === null ? undefined : token;
}

/** Where it goes on at the provider. */
export function uploadPath({ request }: Exchange, base: string): string {
  const token = tokenOf(request.url)!;
  const { provider, id } = splitId(token);
  const query =
    provider === undefined || token.length > tokenCharactersMax ? "" : Buffer.from(id, "base64url").toString("latin1");
  if (!/^[\x21\x22\x24-\x7e]+$/.test(query))
    throw new GatewayError("invalid_request", "upload_id must be as the first call of the upload was told it", {
      source: "client",
      param: "upload_id",
    });
  return `${base}?${query}`;
}

/** Flat pairs for the client; `made` is the id of the upload that the provider has begun. */
export function uploadHeaders(
  exchange: Exchange,
  provider: string,
  headers: Headers,
): { readonly pairs: readonly string[]; readonly made: string | undefined } {
  const pairs: string[] = [];
  for (const name of toldHeaders) {
    const value = headers[name];
    if (typeof value === "string") pairs.push(name, value);
  }
  const told = headers["x-goog-upload-url"];
  if (typeof told !== "string") return { pairs, made: undefined };
  const at = told.indexOf("?");
  if (at < 0)
    throw new GatewayError("upstream_protocol", "the provider's address for an upload names none", {
      source: "provider",
    });
  const made = Buffer.from(told.slice(at + 1), "latin1").toString("base64url");
  const token = encodeURIComponent(joinId(provider, made));
  pairs.push("x-goog-upload-url", `${ownAddress(exchange, "")}?upload_id=${token}&upload_protocol=resumable`);
  return { pairs, made };
}
