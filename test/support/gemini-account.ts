/** An account at Google with files that come in resumable uploads, batches and caches, listed a page at a time. */
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export type GeminiAccount = {
  readonly port: number;
  readonly server: Server;
  readonly asked: { method: string; url: string; headers: IncomingHttpHeaders; body: Buffer }[];
};

type Thing = { readonly name: string } & Readonly<Record<string, unknown>>;
type Told = { readonly status?: number; readonly headers?: Readonly<Record<string, string>>; readonly body: unknown };

export async function geminiAccount(): Promise<GeminiAccount> {
  const asked: GeminiAccount["asked"] = [];
  const kept: Record<string, Thing[]> = { files: [], batches: [], cachedContents: [] };
  const bytes = new Map<string, Buffer>();
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const body = Buffer.concat(parts);
      const { method = "", url = "", headers } = request;
      asked.push({ method, url, headers, body });
      const to = new URL(url, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
      const told = to.pathname.startsWith("/upload/")
        ? uploaded(to, headers, body, kept["files"]!, bytes)
        : answer(method, to, body, kept, bytes);
      response.writeHead(told.status ?? 200, { "content-type": "application/json", ...told.headers });
      response.end(Buffer.isBuffer(told.body) ? told.body : JSON.stringify(told.body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as AddressInfo).port, server, asked };
}

const missing: Told = { status: 404, body: { error: { code: 404, message: "not found", status: "NOT_FOUND" } } };
let uploads = 0;

function uploaded(
  to: URL,
  headers: IncomingHttpHeaders,
  body: Buffer,
  files: Thing[],
  bytes: Map<string, Buffer>,
): Told {
  const command = String(headers["x-goog-upload-command"]);
  if (command === "start") {
    const id = `up-${++uploads}`;
    bytes.set(id, Buffer.alloc(0));
    const url = `${to.origin}${to.pathname}?upload_id=${id}&upload_protocol=resumable`;
    return { headers: { "x-goog-upload-url": url, "x-goog-upload-status": "active" }, body: Buffer.alloc(0) };
  }
  const id = to.searchParams.get("upload_id") ?? "";
  const before = bytes.get(id);
  if (before === undefined || Number(headers["x-goog-upload-offset"]) !== before.length) return missing;
  const whole = Buffer.concat([before, body]);
  bytes.set(id, whole);
  if (!command.includes("finalize")) return { headers: { "x-goog-upload-status": "active" }, body: {} };
  const name = `files/f${uploads}abc`;
  bytes.set(name, whole);
  const file = {
    name,
    uri: `https://generativelanguage.googleapis.com/v1beta/${name}`,
    mimeType: "text/plain",
    sizeBytes: String(whole.length),
    state: "ACTIVE",
  };
  files.unshift(file);
  return { headers: { "x-goog-upload-status": "final" }, body: { file } };
}

function answer(
  method: string,
  { pathname, searchParams }: URL,
  body: Buffer,
  kept: Record<string, Thing[]>,
  bytes: Map<string, Buffer>,
): Told {
  const [, , kind = "", word] = pathname.split("/");
  const [id, verb] = (word ?? "").split(":");
  if (kind === "models" && verb === "generateContent") return { body: generated };
  if (kind === "models") return { body: made("batches", JSON.parse(body.toString("utf8")).batch, kept) };
  const all = kept[kind];
  if (all === undefined) return missing;
  if (word === undefined && method === "POST") return { body: made(kind, JSON.parse(body.toString("utf8")), kept) };
  if (word === undefined) {
    const from = Number(searchParams.get("pageToken") ?? 0);
    const to = from + Number(searchParams.get("pageSize") ?? 10);
    const list = { files: "files", batches: "operations", cachedContents: "cachedContents" }[kind]!;
    return {
      body: { [list]: all.slice(from, to), ...(to < all.length ? { nextPageToken: String(to) } : {}) },
    };
  }
  const found = all.find(({ name }) => name === `${kind}/${id}`);
  if (found === undefined) return missing;
  if (verb === "download") return { body: bytes.get(found.name) ?? Buffer.from("lines") };
  if (method === "DELETE") all.splice(all.indexOf(found), 1);
  return { body: method === "GET" || method === "PATCH" ? found : {} };
}

function made(kind: string, told: Readonly<Record<string, unknown>>, kept: Record<string, Thing[]>): Thing {
  const name = `${kind}/x${kept[kind]!.length + 1}`;
  const thing: Thing =
    kind === "batches"
      ? { name, done: true, metadata: { ...told, name, state: "BATCH_STATE_SUCCEEDED", output: output(name) } }
      : { ...told, name };
  if (kind === "batches") kept["files"]!.unshift({ name: output(name).responsesFile });
  kept[kind]!.unshift(thing);
  return thing;
}

const output = (name: string) => ({ responsesFile: `files/out-${name.slice("batches/".length)}` });

const generated = {
  candidates: [{ content: { role: "model", parts: [{ text: "ok" }] }, finishReason: "STOP", index: 0 }],
  usageMetadata: { promptTokenCount: 10, candidatesTokenCount: 5, totalTokenCount: 15 },
};
