/** Signature version 4 of AWS over one request. Hides the library and what it wants of a hash. */
import { createHash, createHmac, type Hash } from "node:crypto";
import { SignatureV4 } from "@smithy/signature-v4";
import type { Signable } from "./authorizer.ts";
import type { Held } from "./source.ts";

export type Signer = (request: Signable) => Promise<readonly string[]>;

export function createSigner(keys: Extract<Held, { kind: "aws" }>["keys"], region: string, service: string): Signer {
  const signer = new SignatureV4({ credentials: keys, region, service, sha256: Sha256 });
  return async ({ method, host, path, contentType, body }) => {
    const question = path.indexOf("?");
    const signed = await signer.sign({
      method,
      protocol: "https:",
      hostname: host,
      path: question < 0 ? path : path.slice(0, question),
      query: question < 0 ? {} : Object.fromEntries(new URLSearchParams(path.slice(question + 1))),
      headers: contentType === undefined ? { host } : { host, "content-type": contentType },
      body,
    });
    return Object.entries(signed.headers).flatMap(([name, value]) =>
      name === "host" || name === "content-type" ? [] : [name, value],
    );
  };
}

/** The hash that the signing library asks for. */
export class Sha256 {
  readonly #secret: Buffer | undefined;
  #hash: Hash;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#secret = secret === undefined ? undefined : bytesOf(secret);
    this.#hash = this.#fresh();
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(data));
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {
    this.#hash = this.#fresh();
  }

  #fresh(): Hash {
    return this.#secret === undefined ? createHash("sha256") : (createHmac("sha256", this.#secret) as unknown as Hash);
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Buffer {
  if (typeof data === "string") return Buffer.from(data, "utf8");
  if (ArrayBuffer.isView(data)) return Buffer.from(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  return Buffer.from(data);
}
