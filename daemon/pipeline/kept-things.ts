/**
 * What a provider keeps for its account beside files and batches, as data: under which words of a raw call's path, what
 * of an answer names what was made, and what is told of everybody's at once and so to nobody. One account serves many
 * keys; a row here is what it takes that each sees its own.
 */
import type { DialectId } from "../../providers/exchange.ts";
import type { Paging } from "./families.ts";

export type Kept = {
  /** Words of the path, one after the other, in lower case; `*` is any. */
  readonly words: readonly string[];
  /** Undefined: nobody can tell whose it is, so that nobody is told of it. */
  readonly list?: string;
  /** Ways to the ids in an answer that are from then on their maker's; one goes through arrays. */
  readonly makes: readonly (readonly string[])[];
  readonly paging: Paging;
  /** An id is all of its path from the words on, and may end with a colon and a verb. */
  readonly isNamed?: true;
  /** What stands where an id does and is none: it makes something. */
  readonly verbs?: readonly string[];
  /** What comes after an id and makes something further. */
  readonly makers?: readonly string[];
  /** Only these methods are about what is kept; others compute. */
  readonly only?: readonly string[];
  /** What is sent to the words themselves computes, and is nobody's. */
  readonly computes?: true;
  /** Making one is many calls, and no answer tells what they cost. */
  readonly isBatch?: true;
  /** With this behind the words a call makes one, whatever else the path is. */
  readonly madeBy?: RegExp;
};

const byId = [["id"]] as const;
const openaiPaging: Paging = { ids: { after: "after", before: "before" } };
const anthropicPaging: Paging = {
  ids: { after: "after_id", before: "before_id" },
  token: { asks: "page", tells: "next_page" },
};
const geminiPaging: Paging = { token: { asks: "pageToken", tells: "nextPageToken" } };

type More = Partial<Omit<Kept, "words" | "paging">>;

const row = (paging: Paging, path: string, more: More = {}): Kept => ({
  words: path.toLowerCase().split("/"),
  list: "data",
  makes: byId,
  paging,
  ...more,
});
const openai = (path: string, more?: More): Kept => row(openaiPaging, path, more);
const untold = (path: string, more: More = {}): Kept => ({
  words: path.toLowerCase().split("/"),
  makes: [],
  paging: {},
  ...more,
});
const anthropic = (path: string): Kept => row(anthropicPaging, path);
/** Google's names are a folder and an id. */
const gemini = (folder: string, makes: Kept["makes"] = [["name"]]): Kept =>
  row(geminiPaging, folder, { list: folder.slice(folder.lastIndexOf("/") + 1), makes, isNamed: true });

const openaiRows: readonly Kept[] = [
  openai("assistants"),
  openai("threads", { verbs: ["runs"], makes: [["id"], ["thread_id"]] }),
  openai("vector_stores"),
  openai("conversations", { makes: [["id"], ["conversation_id"]] }),
  openai("fine_tuning/jobs", { makes: [["id"], ["result_files"], ["fine_tuned_model"]] }),
  openai("evals"),
  openai("videos/characters"),
  openai("videos", { verbs: ["edits", "extensions"], makers: ["remix"] }),
  openai("skills"),
  openai("uploads", { makers: ["complete"], makes: [["id"], ["file", "id"]] }),
  openai("audio/voice_consents"),
  openai("audio/voices"),
  // A model that was trained: everybody may ask about it and use it, its maker may delete it.
  openai("models", { only: ["DELETE"] }),
  // Mistral's.
  openai("agents", { makes: [["id"], ["conversation_id"]] }),
  openai("libraries"),
  row({}, "batch/jobs", { makes: [["id"], ["output_file"], ["error_file"]], isBatch: true }),
  // Nobody remembers who asked for them: that would be asked of every call.
  untold("chat/completions", { computes: true }),
  untold("fine_tuning/checkpoints"),
  // Of the account: its members, keys, bills.
  untold("organization"),
  untold("projects"),
  untold("dashboard"),
  untold("keys"),
  untold("credits"),
];

/** Things of its platform for agents stand beside files and skills. */
const anthropicRows: readonly Kept[] = [
  ...["skills", "agents", "sessions", "environments", "vaults", "memory_stores", "user_profiles", "deployments"].map(
    anthropic,
  ),
  untold("organizations"),
];

const geminiRows: readonly Kept[] = [
  gemini("tunedModels", [["name"], ["metadata", "tunedModel"]]),
  gemini("corpora"),
  gemini("fileSearchStores"),
  gemini("generatedFiles"),
  row(geminiPaging, "interactions", { makes: [["id"], ["interaction", "id"]], list: "interactions" }),
  // What takes long at a model: a video, say, which is then a file.
  {
    ...gemini("models/*/operations", [
      ["name"],
      ["response", "generateVideoResponse", "generatedSamples", "video", "uri"],
    ]),
    madeBy: /:predictlongrunning$/i,
  },
  ...["batchPredictionJobs", "tuningJobs", "ragCorpora", "reasoningEngines", "customJobs", "pipelineJobs"].map((path) =>
    untold(path),
  ),
];

const cohereRows: readonly Kept[] = [
  row({}, "datasets", { list: "datasets" }),
  row({}, "connectors", { list: "connectors", makes: [["id"], ["connector", "id"]] }),
  row({}, "embed-jobs", { list: "embed_jobs", makes: [["job_id"]], isBatch: true }),
  row({}, "finetuning/finetuned-models", { list: "finetuned_models", makes: [["finetuned_model", "id"]] }),
  row({}, "batches", { list: "batches", makes: [["batch", "id"]], isBatch: true }),
];

/** What stands first is looked for first. Servers of other vendors' have OpenAI's paths as well. */
export function keptRows(dialect: DialectId): readonly Kept[] {
  return rows[dialect] ?? openaiRows;
}

const rows: Readonly<Partial<Record<DialectId, readonly Kept[]>>> = {
  anthropic: [...anthropicRows, ...openaiRows],
  gemini: geminiRows,
  cohere: cohereRows,
  "bedrock-converse": [untold("async-invoke")],
};
