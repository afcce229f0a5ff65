/** An account at OpenAI with files and batches: what a batch comes to is what the test puts there. */
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type OpenaiBatch = { readonly id: string } & Record<string, unknown>;
export type OpenaiAccount = {
  readonly port: number;
  readonly server: Server;
  readonly asked: { readonly method: string; readonly url: string; readonly body: Buffer }[];
  readonly batches: Map<string, OpenaiBatch>;
  /** What is told of a file's content, by its id. */
  readonly files: Map<string, Buffer>;
  /** In place of an answer with a file's content. */
  content: ((id: string, response: ServerResponse) => void) | undefined;
};

export async function openaiAccount(): Promise<OpenaiAccount> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("error", () => undefined);
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const { method = "", url = "" } = request;
      const body = Buffer.concat(parts);
      account.asked.push({ method, url, body });
      const [, , kind, id = "", verb] = new URL(url, "http://h").pathname.split("/");
      if (verb === "content" && account.content !== undefined) return account.content(id, response);
      const told = verb === "content" ? account.files.get(id) : answer(account, method, kind, id, verb, body);
      response.writeHead(told === undefined ? 404 : 200, {
        "content-type": verb === "content" ? "application/octet-stream" : "application/json",
      });
      response.end(Buffer.isBuffer(told) ? told : JSON.stringify(told ?? { error: { message: "not found" } }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const account: OpenaiAccount = { port, server, asked: [], batches: new Map(), files: new Map(), content: undefined };
  return account;
}

function answer(
  { batches, files }: OpenaiAccount,
  method: string,
  kind: string | undefined,
  id: string,
  verb: string | undefined,
  body: Buffer,
): unknown {
  if (kind === "files" && method === "POST") {
    const made = `file-${files.size + 1}`;
    files.set(made, body);
    return { id: made, object: "file", purpose: "batch" };
  }
  if (kind === "files") return files.has(id) ? { id, object: "file" } : undefined;
  if (method === "POST" && id === "") {
    const asked = JSON.parse(body.toString("utf8")) as Record<string, unknown>;
    const made = { ...asked, id: `batch_${batches.size + 1}`, object: "batch", status: "validating" };
    batches.set(made.id, made);
    return made;
  }
  if (id === "") return { object: "list", data: [...batches.values()].reverse(), has_more: false };
  const found = batches.get(id);
  return verb === "cancel" ? { ...found, status: "cancelling" } : found;
}
