/** ElevenLabs, asked by OpenAI's own client. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import OpenAI, { toFile } from "openai";
import { answers, call, errorOf, type Lab, startLab, startUpstream, type Upstream } from "./lab.ts";

const transcript = {
  language_code: "eng",
  language_probability: 0.98,
  text: "Hello there. (door slams)",
  words: [
    { text: "Hello", start: 0.1, end: 0.5, type: "word", speaker_id: "speaker_0", logprob: 0 },
    { text: " ", start: 0.5, end: 0.6, type: "spacing", speaker_id: "speaker_0", logprob: 0 },
    { text: "there.", start: 0.6, end: 1.2, type: "word", speaker_id: "speaker_0", logprob: 0 },
    { text: "(door slams)", start: 1.2, end: 2.5, type: "audio_event", speaker_id: "speaker_0", logprob: 0 },
  ],
};

let upstream: Upstream;
let lab: Lab;
before(async () => {
  upstream = await startUpstream();
  const at = { base_url: `${upstream.origin}/v1`, api_key: "env.SECRET" };
  lab = await startLab({
    auth: { inference: "open" },
    providers: {
      elevenlabs: { ...at, deployments: { voice: "eleven_multilingual_v2", ears: "scribe_v2" } },
      strict: { ...at, host: "elevenlabs", strict: true },
    },
    prices: {
      "elevenlabs/voice": { characters: 100 },
      "elevenlabs/*": { audio_hour: 0.4 },
      "strict/*": { characters: 100 },
    },
  });
});
after(async () => {
  await lab?.stop();
  await upstream?.stop();
});

const openai = () => new OpenAI({ baseURL: `${lab.url}/v1`, apiKey: "none", maxRetries: 0 });
const speech = { model: "elevenlabs/voice", voice: "JBFqnCBsd6RMkjVDRZzb", input: "Hi!" };
const sound = () => toFile(Buffer.alloc(3000, 7), "a.mp3", { type: "audio/mpeg" });

test("OpenAI's client has ElevenLabs speak: the voice is in the path, the format in the query", async () => {
  upstream.answer = answers("sound", 200, { "content-type": "audio/mpeg" });
  const settings = { stability: 0.4 };
  const asked = { ...speech, response_format: "pcm", speed: 1.1, instructions: "whisper", voice_settings: settings };
  const answer = await openai().audio.speech.create(asked as OpenAI.Audio.SpeechCreateParams);
  assert.equal(await answer.text(), "sound");
  assert.equal(answer.headers.get("content-type"), "audio/mpeg");
  assert.equal(answer.headers.get("x-bifrost-dropped-params"), "instructions");
  const { path, headers, body } = upstream.seen.at(-1)!;
  assert.equal(path, `/v1/text-to-speech/${speech.voice}/stream?output_format=pcm_24000`);
  assert.equal(headers.authorization, undefined);
  assert.equal(typeof headers["xi-api-key"], "string");
  assert.deepEqual(JSON.parse(body), {
    text: "Hi!",
    model_id: "eleven_multilingual_v2",
    voice_settings: { ...settings, speed: 1.1 },
  });
});

test("what ElevenLabs cannot say is refused by name, before it is asked", async () => {
  const before = upstream.seen.length;
  const refused = async (more: object) => {
    const answer = await call(lab.url, { path: "/v1/audio/speech", body: { ...speech, ...more } });
    const { code, param } = errorOf(answer);
    return [answer.status, code, param];
  };
  assert.deepEqual(await refused({ response_format: "flac" }), [400, "unsupported_parameter", "response_format"]);
  assert.deepEqual(await refused({ stream_format: "sse" }), [400, "unsupported_parameter", "stream_format"]);
  assert.deepEqual(await refused({ voice: undefined }), [400, "invalid_request", "voice"]);
  assert.deepEqual(await refused({ input: "" }), [400, "invalid_request", "input"]);
  const strict = { model: "strict/eleven_v3", instructions: "whisper" };
  assert.deepEqual(await refused(strict), [400, "unsupported_parameter", "instructions"]);
  assert.equal(upstream.seen.length, before);
});

test("a form with sound goes by with ElevenLabs' names for its fields, and its transcript comes in OpenAI's shape", async () => {
  upstream.answer = answers(transcript);
  const asked = { model: "elevenlabs/ears", file: await sound(), language: "en", prompt: "names" } as const;
  const { data, response } = await openai().audio.transcriptions.create(asked).withResponse();
  assert.deepEqual(data, { text: transcript.text });
  assert.equal(response.headers.get("x-bifrost-dropped-params"), "prompt");
  const { path, body, headers } = upstream.seen.at(-1)!;
  assert.equal(path, "/v1/speech-to-text");
  assert.match(String(headers["content-type"]), /^multipart\/form-data; boundary=/);
  const names = [...body.matchAll(/[;] name="([^"]*)"/g)].map(([, name]) => name);
  assert.deepEqual(names.toSorted(), ["file", "language_code", "model_id", "prompt"]);
  assert.match(body, /name="model_id"\r\n\r\nscribe_v2\r\n/);
  assert.match(body, /name="language_code"\r\n\r\nen\r\n/);
});

test("a transcript comes as text, or with its words and their times, and is billed by its length", async () => {
  const asked = async (response_format: "text" | "verbose_json") =>
    openai().audio.transcriptions.create({ model: "elevenlabs/ears", file: await sound(), response_format });
  assert.equal(await asked("text"), `${transcript.text}\n`);
  assert.deepEqual(await asked("verbose_json"), {
    task: "transcribe",
    language: "eng",
    duration: 2.5,
    text: transcript.text,
    words: [
      { word: "Hello", start: 0.1, end: 0.5 },
      { word: "there.", start: 0.6, end: 1.2 },
    ],
  });
  const [settled] = (await lab.settled()).slice(-1);
  assert.equal(settled!.costNano, Math.round((2.5 / 3600) * 0.4 * 1e9));
});

test("a form that asks for subtitles or a stream is refused by name, and ElevenLabs never has it whole", async () => {
  const before = upstream.seen.length;
  for (const more of [{ response_format: "srt" }, { stream: true }] as const) {
    await assert.rejects(
      openai().audio.transcriptions.create({ model: "elevenlabs/ears", file: await sound(), ...more } as never),
      (error: InstanceType<typeof OpenAI.APIError>) =>
        error.status === 400 && error.code === "unsupported_parameter" && error.param === Object.keys(more)[0],
    );
  }
  assert.equal(upstream.seen.length, before);
});

test("an answer without a transcript is the provider's failure", async () => {
  upstream.answer = answers({ detail: "?" });
  const asked = openai().audio.transcriptions.create({ model: "elevenlabs/ears", file: await sound() });
  await assert.rejects(asked, { status: 502, code: "upstream_protocol" });
});
