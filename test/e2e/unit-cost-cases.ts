/** What is not billed in the tokens of a chat: embeddings, rankings, pictures, sound, characters. By hand, in nano-dollars. */

export type UnitCase = {
  readonly what: string;
  /** Each case has its own. */
  readonly model: string;
  readonly price: object;
  readonly path: string;
  readonly body: string;
  readonly contentType?: string;
  readonly answer: string | Buffer;
  readonly type?: string;
  readonly nano: number;
  readonly isEstimate?: true;
};

const picture = { b64_json: "iVBORw0KGgo=" };
const json = JSON.stringify;
const boundary = "----cost";

function form(fields: Readonly<Record<string, string>>, file: Buffer): string {
  const parts = Object.entries(fields).map(
    ([name, value]) => `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  const head = `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\ncontent-type: audio/wav\r\n\r\n`;
  return `${parts.join("")}${head}${file.toString("latin1")}\r\n--${boundary}--\r\n`;
}

const formType = `multipart/form-data; boundary=${boundary}`;
const sound = Buffer.alloc(8_000, 0x41);

export const unitCases: readonly UnitCase[] = [
  {
    what: "embeddings, which have no output",
    ...{ model: "openai-chat/embed", price: { input: 0.13 }, path: "/v1/embeddings" },
    body: json({ model: "openai-chat/embed", input: "hello" }),
    answer: json({
      ...{ object: "list", model: "m", data: [{ object: "embedding", index: 0, embedding: [1] }] },
      usage: { prompt_tokens: 1000, total_tokens: 1000 },
    }),
    nano: 130_000,
  },
  {
    what: "embeddings of Cohere, asked in OpenAI's words",
    ...{ model: "ranker/embed-v4", price: { input: 0.12 }, path: "/v1/embeddings" },
    body: json({ model: "ranker/embed-v4", input: ["a", "b"] }),
    answer: json({ id: "e", embeddings: { float: [[1], [2]] }, meta: { billed_units: { input_tokens: 50 } } }),
    nano: 6_000,
  },
  {
    what: "a ranking by its search units",
    ...{ model: "ranker/rerank-a", price: { search: 0.002 }, path: "/v2/rerank" },
    body: json({ model: "ranker/rerank-a", query: "q", documents: ["a", "b"] }),
    answer: json({
      ...{ id: "r", results: [{ index: 0, relevance_score: 0.5 }] },
      meta: { billed_units: { search_units: 3 } },
    }),
    nano: 6_000_000,
  },
  {
    what: "a ranking whose search units nobody told",
    ...{ model: "ranker/rerank-b", price: { search: 0.002 }, path: "/v2/rerank" },
    body: json({ model: "ranker/rerank-b", query: "q", documents: ["a", "b"] }),
    answer: json({ id: "r", results: [{ index: 0, relevance_score: 0.5 }] }),
    ...{ nano: 2_000_000, isEstimate: true },
  },
  {
    what: "pictures by the picture",
    ...{ model: "media/dall-e-3", price: { image: 0.04 }, path: "/v1/images/generations" },
    body: json({ model: "media/dall-e-3", prompt: "a cat", n: 3 }),
    answer: json({ created: 1, data: [picture, picture] }),
    nano: 80_000_000,
  },
  {
    what: "pictures by tokens, of text and of pictures in and out",
    ...{ model: "media/gpt-image", path: "/v1/images/generations" },
    price: { input: 5, output: 10, image_input: 8, image_output: 32, cache_read: 1.25, image_cache_read: 2 },
    body: json({ model: "media/gpt-image", prompt: "a cat" }),
    answer: json({
      ...{ created: 1, data: [picture] },
      usage: {
        ...{ input_tokens: 300, output_tokens: 1_010, total_tokens: 1_310 },
        input_tokens_details: {
          ...{ text_tokens: 100, image_tokens: 200, cached_tokens: 150 },
          cached_tokens_details: { text_tokens: 50, image_tokens: 100 },
        },
        output_tokens_details: { text_tokens: 10, image_tokens: 1_000 },
      },
    }),
    nano: 50 * 5_000 + 100 * 8_000 + 50 * 1_250 + 100 * 2_000 + 10 * 10_000 + 1_000 * 32_000,
  },
  {
    what: "speech by its characters, as people count them",
    ...{ model: "media/tts-1", price: { characters: 15 }, path: "/v1/audio/speech", type: "audio/mpeg" },
    body: json({ model: "media/tts-1", voice: "alloy", input: "wörld 🌍" }),
    answer: Buffer.alloc(64, 1),
    nano: 7 * 15_000,
  },
  {
    what: "a transcription by its seconds",
    ...{ model: "media/whisper-1", price: { audio_hour: 0.36 }, path: "/v1/audio/transcriptions" },
    ...{ body: form({ model: "media/whisper-1" }, sound), contentType: formType },
    answer: json({ text: "hi", usage: { type: "duration", seconds: 7 } }),
    nano: 700_000,
  },
  {
    what: "a transcription by the duration that its long form tells, to the millisecond",
    ...{ model: "media/whisper-2", price: { audio_hour: 0.111 }, path: "/v1/audio/transcriptions" },
    ...{ body: form({ model: "media/whisper-2" }, sound), contentType: formType },
    answer: json({ task: "transcribe", duration: 8.47, text: "hi", segments: [] }),
    // 8,470 ms × 111,000,000 nano-dollars / 3,600,000 ms = 261,158.33…
    nano: 261_158,
  },
  {
    what: "a transcription by tokens of sound",
    ...{ model: "media/gpt-4o-transcribe", path: "/v1/audio/transcriptions" },
    price: { input: 2.5, output: 10, audio_input: 6 },
    ...{ body: form({ model: "media/gpt-4o-transcribe" }, sound), contentType: formType },
    answer: json({
      text: "hi",
      usage: {
        ...{ type: "tokens", input_tokens: 114, output_tokens: 45, total_tokens: 159 },
        input_token_details: { text_tokens: 14, audio_tokens: 100 },
      },
    }),
    nano: 14 * 2_500 + 100 * 6_000 + 45 * 10_000,
  },
  {
    what: "a call that costs the same whatever is said",
    ...{ model: "openai-chat/by-call", price: { input: 1, output: 1, request: 0.005 }, path: "/v1/chat/completions" },
    body: json({ model: "openai-chat/by-call", messages: [{ role: "user", content: "hi" }] }),
    answer: json({
      ...{ id: "c", object: "chat.completion", created: 1, model: "m" },
      choices: [{ index: 0, message: { role: "assistant", content: "ok" }, finish_reason: "stop" }],
      usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
    }),
    nano: 5_000_000 + 15 * 1_000,
  },
];
