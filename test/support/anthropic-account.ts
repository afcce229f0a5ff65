/** An account at Anthropic with files and batches, as its API keeps them: newest first, paged by ids. */
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export type AskedOnce = {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
};

export type Account = {
  readonly port: number;
  readonly asked: AskedOnce[];
  readonly server: Server;
};

type Kept = { readonly id: string; readonly bytes: Buffer; readonly made: Readonly<Record<string, unknown>> };

export async function anthropicAccount(): Promise<Account> {
  const asked: AskedOnce[] = [];
  const kept: Record<"files" | "batches", Kept[]> = { files: [], batches: [] };
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const body = Buffer.concat(parts);
      const { method = "", url = "", headers } = request;
      asked.push({ method, url, headers, body });
      const told = answer(method, new URL(url, "http://h"), body, kept);
      response.writeHead(told === missing ? 404 : 200, { "content-type": "application/json" });
      response.end(Buffer.isBuffer(told) ? told : JSON.stringify(told));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as AddressInfo).port, asked, server };
}

function answer(
  method: string,
  { pathname, searchParams }: URL,
  body: Buffer,
  kept: Record<"files" | "batches", Kept[]>,
): unknown {
  const [, , kind, id, verb] = pathname.replace("/messages/batches", "/batches").split("/");
  if (kind === "messages") return message;
  const all = kept[kind as "files" | "batches"];
  if (all === undefined) return missing;
  if (method === "POST" && id === undefined) {
    const made = kind === "files" ? madeFile(all.length + 1, body) : madeBatch(all.length + 1, body);
    all.unshift(made);
    return made.made;
  }
  if (id === undefined) {
    const [from, until] = [searchParams.get("after_id"), searchParams.get("before_id")];
    const size = Number(searchParams.get("limit") ?? 20);
    const at = (of: string | null) => all.findIndex((each) => each.id === of);
    const start = from !== null ? at(from) + 1 : until !== null ? Math.max(at(until) - size, 0) : 0;
    const page = all.slice(start, until === null ? start + size : at(until));
    const more = until === null ? start + size < all.length : start > 0;
    const ids = searchParams.getAll("ids[]").concat(searchParams.getAll("ids"));
    if (ids.length > 0)
      return { data: all.filter((each) => ids.includes(each.id)).map(({ made }) => made), next_page: null };
    // Files are paged by words, unless an id is asked for; the words are places in the list.
    if (kind === "files" && !searchParams.has("old")) {
      const place = Number(searchParams.get("page") ?? 0);
      const next = place + size < all.length ? String(place + size) : null;
      return { data: all.slice(place, place + size).map(({ made }) => made), next_page: next };
    }
    const ends = { first_id: page[0]?.id ?? null, last_id: page.at(-1)?.id ?? null };
    return { data: page.map(({ made }) => made), has_more: more, ...ends };
  }
  const found = all.find((each) => each.id === id);
  if (found === undefined) return missing;
  if (verb === "content" || verb === "results") {
    return found.bytes;
  }
  if (method !== "DELETE") return found.made;
  all.splice(all.indexOf(found), 1);
  return { id, type: `${kind === "files" ? "file" : "message_batch"}_deleted` };
}

const message = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "m",
  content: [{ type: "text", text: "ok" }],
  stop_reason: "end_turn",
  stop_sequence: null,
  usage: { input_tokens: 10, output_tokens: 5 },
};
const missing = { type: "error", error: { type: "not_found_error", message: "not found" } };

function madeFile(number: number, form: Buffer): Kept {
  const id = `file_${String(number).padStart(6, "0")}`;
  const bytes = form.subarray(form.indexOf("\r\n\r\n") + 4, form.lastIndexOf("\r\n--"));
  const made = {
    id,
    type: "file",
    filename: "a.txt",
    mime_type: "text/plain",
    size_bytes: bytes.length,
    created_at: "2026-01-01T00:00:00Z",
    downloadable: true,
  };
  return { id, bytes, made };
}

function madeBatch(number: number, body: Buffer): Kept {
  const id = `msgbatch_${number}`;
  const { requests } = JSON.parse(body.toString("utf8")) as { requests: { custom_id: string }[] };
  const lines = requests.map(({ custom_id: name }) =>
    JSON.stringify({ custom_id: name, result: { type: "succeeded", message } }),
  );
  const made = {
    id,
    type: "message_batch",
    processing_status: "ended",
    request_counts: { processing: 0, succeeded: requests.length, errored: 0, canceled: 0, expired: 0 },
    results_url: `https://api.anthropic.com/v1/messages/batches/${id}/results`,
  };
  return { id, bytes: Buffer.from(`${lines.join("\n")}\n`), made };
}
