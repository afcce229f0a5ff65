/**
 * Recorded exchanges with OpenAI, question and answer, played with a provider that answers what OpenAI did: each question
 * reaches it byte for byte, each answer its client, usage the row; and Anthropic's clients are told what a chat said. What
 * is recorded of APIs that we do not speak goes by raw.
 */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { parse } from "yaml";
import { noCorpora, otherRecordings } from "../providers/dialects/recorded.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { frames } from "../support/seen.ts";

type Side = { readonly body: string; readonly headers: Readonly<Record<string, readonly string[]>> };
type Exchange = {
  readonly request: Side & { readonly url: string; readonly method: string };
  readonly response: Side & { readonly code: number };
};
const folder = join(process.env["BIFROST_CORPORA"] ?? "/nowhere", "envoy");
const exchanges = globSync(join(folder, "*.yaml"))
  .sort()
  .flatMap((file) => {
    const { interactions } = parse(readFileSync(file, "utf8")) as { interactions: Exchange[] };
    return interactions.map((one) => ({ name: basename(file, ".yaml"), ...one }));
  });

let daemon: Daemon;
let upstream: Server;
let key: string;
let answer: { status: number; type: string; body: Buffer };
let seen: { path: string; body: string };

before(async () => {
  if (noCorpora) return;
  upstream = createServer((request, response) => {
    const body: Buffer[] = [];
    request.on("data", (part: Buffer) => body.push(part));
    request.on("end", () => {
      seen = { path: request.url ?? "", body: Buffer.concat(body).toString("utf8") };
      response.writeHead(answer.status, { "content-type": answer.type });
      response.end(answer.body);
    });
  });
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const provider = { api_key: "env.KEY", free: true };
  daemon = await startDaemon({
    env: { KEY: "upstream-secret" },
    config: {
      ledger: patientLedger,
      providers: {
        openai: { ...provider, base_url: `${origin}/v1` },
        azure: { ...provider, base_url: origin, azure: { api_version: "2024-10-21" } },
      },
    },
  });
  key = await daemon.createKey();
});
after(async () => {
  await daemon?.stop();
  upstream?.close();
});

function post(path: string, body: string | FormData): Promise<Response> {
  const type = typeof body === "string" ? { "content-type": "application/json" } : {};
  return fetch(daemon.url + path, { method: "POST", headers: { authorization: `Bearer ${key}`, ...type }, body });
}

type Chat = {
  choices: { message?: { content: string | null }; delta?: { content?: string | null } }[];
  usage?: { prompt_tokens: number; completion_tokens?: number } | null;
};
/** What an answer is made of: itself, or the events of a stream. */
const chats = (text: string): Chat[] =>
  text.startsWith("data:")
    ? frames(text).flatMap(({ data }) => (data === "[DONE]" ? [] : [JSON.parse(data) as Chat]))
    : [JSON.parse(text) as Chat];
const said = (text: string): string =>
  chats(text)
    .flatMap(({ choices }) => choices.map(({ message, delta }) => message?.content ?? delta?.content ?? ""))
    .join("");

describe("recorded exchanges", { skip: noCorpora }, () => {
  test("are found", () => assert.equal(exchanges.length, 43));

  for (const { name, request, response } of exchanges) {
    const type = response.headers["Content-Type"]![0]!;
    const url = new URL(request.url);
    const isForm = request.headers["Content-Type"]![0]!.startsWith("multipart/");

    test(`R1 ${name}: the question and the answer go by as they are`, async () => {
      answer = { status: response.code, type, body: Buffer.from(response.body) };
      const path = url.pathname + url.search;
      const isAzure = path.startsWith("/openai/deployments/");
      const provider = isAzure ? "azure" : "openai";
      const asked = request.body.replace(/("model": ?")([^"]+)/, `$1${provider}/$2`);
      const form = new FormData();
      form.append("model", "openai/whisper-1");
      form.append("file", new Blob(["RIFF"]), "a.wav");
      const sent = isForm ? form : asked;
      const told = await post(isAzure ? path.replace("gpt-5-nano", "azure%2Fgpt-5-nano") : path, sent);
      const text = await told.text();
      assert.equal(told.status, response.code, text);
      if (response.code === 200) assert.equal(text, response.body);
      else {
        const { error } = JSON.parse(response.body) as { error: { message: string } };
        const ours = JSON.parse(text) as { error: { message: string; param: string } };
        // A cap of nothing is refused before anybody is asked.
        if (/"max_tokens": ?(0|-)/.test(request.body)) assert.equal(ours.error.param, "max_tokens");
        else assert.ok(ours.error.message.includes(error.message), text);
      }
      if (!isForm && response.code === 200) {
        // The one thing that is added, so that usage is told, and only where it was not asked for.
        const own = seen.body.replace('{"stream_options":{"include_usage":true},', "{");
        assert.ok(own === request.body || seen.body === request.body, seen.body);
      }
      const usage = response.code === 200 && !isForm ? chats(text).find((chat) => chat.usage)?.usage : undefined;
      if (usage === undefined || usage === null) return;
      const { request: row } = await daemon.explained(told.headers.get("x-request-id")!);
      assert.deepEqual([row.tokens_in, row.tokens_out], [usage.prompt_tokens, usage.completion_tokens ?? 0]);
    });

    const isChat = url.pathname === "/v1/chat/completions" && response.code === 200;
    if (!isChat) continue;
    test(`${name}: Anthropic's clients are told what it said`, async () => {
      const stream = type.startsWith("text/event-stream");
      answer = { status: 200, type, body: Buffer.from(response.body) };
      const messages = [{ role: "user", content: "q" }];
      const told = await post("/v1/messages", JSON.stringify({ model: "openai/m", max_tokens: 9, messages, stream }));
      const text = await told.text();
      assert.equal(told.status, 200, text);
      type Told = { content?: { text?: string }[]; delta?: { text?: string } };
      const heard = (stream ? frames(text).map(({ data }) => JSON.parse(data) as Told) : [JSON.parse(text) as Told])
        .flatMap(({ content, delta }) => [...(content ?? []).map((part) => part.text ?? ""), delta?.text ?? ""])
        .join("");
      assert.equal(heard, said(response.body));
    });
  }

  test("R1 what is recorded of other APIs goes by raw", async () => {
    const all = otherRecordings();
    assert.ok(all.length > 30, `${all.length}`);
    for (const { name, bytes } of all) {
      const type = name.endsWith(".json") ? "application/json" : "text/event-stream";
      answer = { status: 200, type, body: bytes };
      const told = await post("/passthrough/openai/things", JSON.stringify({ model: "m" }));
      assert.ok(Buffer.from(await told.arrayBuffer()).equals(bytes), name);
    }
  });
});
