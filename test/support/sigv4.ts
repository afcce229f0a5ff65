/** Checks AWS signatures (version 4) as AWS documents them, with nothing of the library that makes ours. */
import { createHash, createHmac } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

export type SignedRequest = {
  readonly method: string;
  /** As it stood in the request line. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string | Buffer;
};

export type Scope = { readonly accessKeyId: string; readonly region: string; readonly service: string };

/** Who signed it and for what; undefined when it carries no signature. */
export function scopeOf({ headers }: SignedRequest): Scope | undefined {
  const found = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/\d{8}\/([^/]+)\/([^/]+)\/aws4_request/.exec(
    headers.authorization ?? "",
  );
  return found === null ? undefined : { accessKeyId: found[1]!, region: found[2]!, service: found[3]! };
}

/** True when the signature is that of the secret over this very request. */
export function isSignedWith(secret: string, request: SignedRequest): boolean {
  const scope = scopeOf(request);
  const authorization = request.headers.authorization ?? "";
  const signedNames = /SignedHeaders=([^, ]+)/.exec(authorization)?.[1];
  const signature = /Signature=([0-9a-f]{64})/.exec(authorization)?.[1];
  const date = String(request.headers["x-amz-date"] ?? "");
  if (scope === undefined || signedNames === undefined || signature === undefined || !/^\d{8}T\d{6}Z$/.test(date)) {
    return false;
  }
  const [path = "", query = ""] = request.path.split("?");
  const canonical = [
    request.method,
    path.split("/").map(strictly).join("/"),
    query.split("&").filter(Boolean).map(pair).sort().join("&"),
    ...signedNames.split(";").map((name) => `${name}:${String(request.headers[name] ?? "").trim()}`),
    "",
    signedNames,
    sha256(request.body),
  ].join("\n");
  const day = date.slice(0, 8);
  const text = `AWS4-HMAC-SHA256\n${date}\n${day}/${scope.region}/${scope.service}/aws4_request\n${sha256(canonical)}`;
  let key: Buffer = Buffer.from(`AWS4${secret}`);
  for (const word of [day, scope.region, scope.service, "aws4_request"]) key = hmac(key, word);
  return hmac(key, text).toString("hex") === signature;
}

/** Every service but S3 encodes what is encoded already once more. */
function strictly(segment: string): string {
  return encodeURIComponent(segment).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}

function pair(text: string): string {
  const [name = "", value = ""] = text.split("=").map(decodeURIComponent);
  return `${strictly(name)}=${strictly(value)}`;
}

function sha256(data: string | Buffer): string {
  return createHash("sha256").update(data).digest("hex");
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
