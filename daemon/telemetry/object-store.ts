/** A folder or a bucket, as three verbs. Hides AWS's signatures and that a file appears whole or not at all. */
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import type { OffloadData } from "../config/telemetry-data.ts";

export type ObjectStore = {
  put(name: string, bytes: Buffer): Promise<void>;
  get(name: string): Promise<Buffer>;
  /** Also when it is not there. */
  remove(name: string): Promise<void>;
};

/** Longest wait for a bucket to answer. */
const answerMs = 30_000;
const objectBytesMax = 64 * 1024 * 1024;
const wordsMax = 300;

/** @param leaving nobody waits any longer for what is under way */
export async function openObjectStore(settings: OffloadData, leaving: AbortSignal): Promise<ObjectStore> {
  return settings.to === "files" ? folder(settings.path) : bucket(settings, leaving);
}

function folder(root: string): ObjectStore {
  const place = (name: string): string => {
    const path = resolve(root, name);
    if (!path.startsWith(resolve(root) + sep)) throw new Error(`${name} lies outside of ${root}`);
    return path;
  };
  return {
    async put(name, bytes) {
      const path = place(name);
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await written(`${path}.part`, bytes);
      await rename(`${path}.part`, path);
      await onDisk(dirname(path));
    },
    get: (name) => readFile(place(name)),
    remove: (name) => rm(place(name), { force: true }),
  };
}

/** The database forgets the text next: by then it must be on the disk, whatever becomes of the power. */
async function written(path: string, bytes: Buffer): Promise<void> {
  const file = await open(path, "w", 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function onDisk(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function bucket(settings: Extract<OffloadData, { to: "s3" }>, leaving: AbortSignal): Promise<ObjectStore> {
  const [{ SignatureV4 }, { Sha256 }, { request }] = await Promise.all([
    import("@smithy/signature-v4"),
    import("../credentials/sign.ts"),
    import("./http-request.ts"),
  ]);
  const base = new URL(settings.endpoint);
  const host = settings.pathStyle ? base.host : `${settings.bucket}.${base.host}`;
  const root = settings.pathStyle ? `/${settings.bucket}/` : "/";
  const { accessKeyId, secretAccessKey, sessionToken, region, prefix } = settings;
  const signer = new SignatureV4({
    ...{ region, service: "s3", sha256: Sha256, uriEscapePath: false },
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
  });

  async function call(method: "PUT" | "GET" | "DELETE", name: string, body?: Buffer): Promise<Buffer> {
    const path = root + (prefix === "" ? name : `${prefix}/${name}`).split("/").map(encodeURIComponent).join("/");
    const headers = { host, ...(body === undefined ? {} : { "content-type": "application/gzip" }) };
    const signed = await signer.sign({
      ...{ method, protocol: base.protocol, hostname: base.hostname, path, headers },
      ...(body === undefined ? {} : { body }),
    });
    const answer = await request(`${base.protocol}//${host}${path}`, {
      ...{ method, headers: signed.headers, headersTimeout: answerMs, bodyTimeout: answerMs, signal: leaving },
      ...(body === undefined ? {} : { body }),
    });
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > objectBytesMax) throw new Error(`${name} is larger than ${objectBytesMax} bytes`);
      chunks.push(chunk);
    }
    const bytes = Buffer.concat(chunks);
    if (answer.statusCode < 300 || (method === "DELETE" && answer.statusCode === 404)) return bytes;
    throw new Error(`${method} ${name}: ${answer.statusCode} ${bytes.toString("utf8", 0, wordsMax)}`);
  }

  return {
    put: async (name, bytes) => void (await call("PUT", name, bytes)),
    get: (name) => call("GET", name),
    remove: async (name) => void (await call("DELETE", name)),
  };
}

/** `2026/11/26/req_….json.gz` */
export function objectName(id: string, at: number): string {
  const [year, month, day] = new Date(at).toISOString().slice(0, 10).split("-") as [string, string, string];
  return join(year, month, day, `${id}.json.gz`);
}
