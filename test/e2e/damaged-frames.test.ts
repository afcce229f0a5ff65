/**
 * A bit of Bedrock's event stream turns over on its way: the checksum of a frame's head, or of all of it, is wrong. Such a
 * frame goes to nobody, not even to a client that speaks the same language and would check it: its SDK would tell of a
 * broken library, and ours tells whose fault it was, in frames whose checksums are right.
 */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { crc32 } from "node:zlib";
import {
  BedrockRuntimeClient,
  ConverseStreamCommand,
  InvokeModelWithResponseStreamCommand,
} from "@aws-sdk/client-bedrock-runtime";
import { EventStreamSplitter } from "../../daemon/http/event-stream.ts";
import { ask, type ClientDialect } from "../support/client.ts";
import { speak } from "../support/cloud-answers.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { outcome } from "../support/outcome.ts";

/** Each frame has two checksums: one of its head, and one of all of it at its end. */
const checksums = ["head", "whole"] as const;
type Checksum = (typeof checksums)[number];
const places = ["first", "later", "last"] as const;
type Place = (typeof places)[number];

/** Its model says which frame is damaged, and where: `claude-later-head`. */
const upstream: Server = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on("data", (part: Buffer) => parts.push(part));
  request.on("end", () => {
    const sent = {
      method: "POST",
      path: request.url!,
      headers: request.headers,
      body: Buffer.concat(parts).toString(),
    };
    const said = speak(sent)!;
    const [, place, checksum] = /-(first|later|last)-(head|whole)\//.exec(sent.path) ?? [];
    response.writeHead(200, { "content-type": said.type });
    response.end(place === undefined ? said.body : damaged(said.body as Buffer, place as Place, checksum as Checksum));
  });
});

function damaged(stream: Buffer, place: Place, checksum: Checksum): Buffer {
  const frames: Buffer[] = [];
  new EventStreamSplitter(stream.length).push(stream, (frame) => frames.push(Buffer.from(frame)));
  // The third from the end comes after the text, in both languages.
  const index = { first: 0, later: frames.length - 3, last: frames.length - 1 }[place];
  const frame = frames[index]!;
  const end = frame.length - 4;
  frame[checksum === "head" ? 8 : end]! ^= 0x10;
  // That of the whole is right about the wrong one: only who checks both sees it.
  if (checksum === "head") frame.writeUInt32BE(crc32(frame.subarray(0, end)), end);
  return Buffer.concat(frames);
}

let daemon: Daemon;
let key: string;
let aws: BedrockRuntimeClient;
before(async () => {
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  const base_url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const there = { host: "bedrock", base_url, free: true, aws: { region: "eu-1" }, api_key: "env.UP" };
  const models = pairs.flatMap(({ model }) => checksums.map((checksum) => `${model}-first-${checksum}`));
  daemon = await startDaemon({
    env: { UP: "a-key" },
    config: {
      ledger: patientLedger,
      providers: { torn: there, sound: there },
      groups: Object.fromEntries(models.map((model) => [`saved-${model}`, { targets: [`torn/${model}`] }])),
      fallbacks: Object.fromEntries(models.map((model) => [`saved-${model}`, `sound/${model.split("-first")[0]}`])),
    },
  });
  key = await daemon.createKey();
  aws = new BedrockRuntimeClient({
    region: "us-east-1",
    endpoint: daemon.url,
    credentials: { accessKeyId: key, secretAccessKey: "any" },
    maxAttempts: 1,
  });
});
after(async () => {
  aws?.destroy();
  await daemon?.stop();
  upstream.closeAllConnections();
  await new Promise((resolve) => upstream.close(resolve));
});

/** What a client was told. */
type Heard = { readonly text: string; readonly error?: string };

/** Reads as the SDK's users do; what is thrown is a failure of the service, by its name. */
async function heard<T>(
  begin: () => Promise<AsyncIterable<T> | undefined>,
  textOf: (event: T) => string | undefined,
): Promise<Heard> {
  let text = "";
  try {
    for await (const event of (await begin())!) text += textOf(event) ?? "";
    return { text };
  } catch (error) {
    return { text, error: (error as Error).name };
  }
}

const conversed = (modelId: string): Promise<Heard> =>
  heard(
    async () => {
      const command = new ConverseStreamCommand({ modelId, messages: [{ role: "user", content: [{ text: "q" }] }] });
      return (await aws.send(command)).stream;
    },
    ({ contentBlockDelta }) => contentBlockDelta?.delta?.text,
  );

const invoked = (modelId: string): Promise<Heard> =>
  heard(
    async () => {
      const messages = [{ role: "user", content: "q" }];
      const body = JSON.stringify({ anthropic_version: "bedrock-2023-05-31", max_tokens: 9, messages });
      const command = new InvokeModelWithResponseStreamCommand({ modelId, body, contentType: "application/json" });
      return (await aws.send(command)).body;
    },
    ({ chunk }) =>
      (JSON.parse(Buffer.from(chunk!.bytes!).toString("utf8")) as { delta?: { text?: string } }).delta?.text,
  );

async function asked(dialect: ClientDialect, model: string): Promise<Heard> {
  const answer = await ask(daemon.url, { dialect, model, key, stream: true });
  const { text, error, afterError } = outcome(dialect, answer);
  assert.deepEqual([answer.ended, afterError.filter((frame) => frame !== "[DONE]")], ["complete", []]);
  return error === undefined ? { text } : { text, error: error.code ?? error.type };
}

const thrown = "ModelStreamErrorException";
const told = "upstream_protocol";

/** Claude is asked by InvokeModel by who speaks its language, all others by Converse. No two share a model. */
const pairs: readonly {
  readonly name: string;
  readonly model: string;
  readonly call: (model: string) => Promise<Heard>;
  readonly failure: string;
}[] = [
  { name: "Converse → Converse", model: "nova-a", call: conversed, failure: thrown },
  { name: "InvokeModel → InvokeModel", model: "claude-b", call: invoked, failure: thrown },
  { name: "InvokeModel → Converse", model: "nova-c", call: invoked, failure: thrown },
  { name: "chat → Converse", model: "nova-d", call: (model) => asked("chat", model), failure: told },
  { name: "messages → InvokeModel", model: "claude-e", call: (model) => asked("messages", model), failure: told },
  { name: "messages → Converse", model: "nova-f", call: (model) => asked("messages", model), failure: told },
];

for (const { name, model, call, failure } of pairs) {
  describe(name, { concurrency: 8 }, () => {
    for (const checksum of checksums) {
      const first = `${model}-first-${checksum}`;
      test(`F9 push() refuses a first frame whose checksum is wrong (${checksum}), before a byte has left`, async () => {
        assert.deepEqual(await call(`torn/${first}`), { text: "", error: failure });
        const [row] = await daemon.rows(`torn/${first}`);
        assert.deepEqual(
          [row!.status, row!.error, row!.flags.includes("truncated")],
          [502, "upstream_protocol", false],
        );
      });

      test(`F9 next() asks another then (${checksum})`, async () => {
        assert.deepEqual(await call(`saved-${first}`), { text: "Grüezi" });
        const [row] = await daemon.rows(`saved-${first}`);
        const { attempts } = await daemon.explained(row!.id);
        assert.deepEqual(
          attempts.map(({ target, outcome: end }) => [target, end]),
          [
            [`torn/${first}`, "upstream_protocol"],
            [`sound/${model}`, "ok"],
          ],
        );
      });

      for (const place of ["later", "last"] as const) {
        test(`F9 fail() tells of a ${place} frame whose checksum is wrong (${checksum}), after what was sound`, async () => {
          const asked = `torn/${model}-${place}-${checksum}`;
          assert.deepEqual(await call(asked), { text: "Grüezi", error: failure });
          const [row] = await daemon.rows(asked);
          const { request, attempts } = await daemon.explained(row!.id);
          assert.deepEqual([request.status, request.error], [200, "upstream_protocol"]);
          assert.ok(request.flags.includes("truncated"), request.flags.join());
          assert.equal(attempts.length, 1, "nobody else is asked");
        });
      }
    }
  });
}
