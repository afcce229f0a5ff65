/**
 * Kinds of things that a provider keeps for its callers, as data: how each vendor writes their ids, lists them page by
 * page, and what may be asked of one. Hides that Google's ids are names with a folder before them, and which members of
 * an answer hold ids; everything else about files, batches and containers is the same for all.
 */

/** What is asked about, by what comes after the path they stand under, and the methods for it. */
export type Methods = readonly (readonly [rest: RegExp, methods: readonly string[]])[];

export type Family = {
  readonly methods: Methods;
  /** Answered as bytes, which pass through. */
  readonly raw: RegExp | undefined;
  /** Stands before an id in the provider's own words: `files/`. */
  readonly folder: string;
  /** Its ids have folders of their own: all of the path is one. */
  readonly isWhole?: true;
  /** Members that hold an id of the provider's, wherever they stand. */
  readonly ids: ReadonlySet<string>;
  /** What they look like, where members of that name hold others as well. */
  readonly form?: RegExp;
  /** Members that hold what somebody else wrote. */
  readonly foreign: ReadonlySet<string>;
  /** Members of an answer whose ids are from then on their maker's: `a.b` is one inside another. */
  readonly makes: readonly (readonly string[])[];
  /** The member that has a list's items, and how a page names the next. */
  readonly list: string;
  readonly paging: Paging;
  /** Its requests name ids that the provider is to be told as it knows them. */
  readonly translates: boolean;
  /** What of a request names models, each of which the key must be allowed. */
  readonly models?: "requests" | "member" | "path";
};

/** How the pages of a list follow each other. A vendor may have had the one way before the other. */
export type Paging = {
  /** The last id of a page is asked for next; going back, its first. */
  readonly ids?: { readonly after: string; readonly before: string };
  /** The page tells a word for the next, which is asked for under another name. */
  readonly token?: { readonly asks: string; readonly tells: string };
};

const id = "[\\w.~-]|%7E";
const one = `\\/(?:${id})+`;
const rest = (after: string): RegExp => new RegExp(`^${after}$`, "i");

/** Words below `/videos` that are no ids. */
const notVideos = "\\/(?:edits|extensions|characters)(?:\\/|$)";

const openaiIds: ReadonlySet<string> = new Set([
  "id",
  "file_id",
  "input_file_id",
  "output_file_id",
  "error_file_id",
  "batch_id",
  "container_id",
  "first_id",
  "last_id",
]);
const written: ReadonlySet<string> = new Set(["metadata"]);
const after: Paging = { ids: { after: "after", before: "before" } };
const made = [["id"], ["output_file_id"], ["error_file_id"]] as const;

const openai: Omit<Family, "methods"> = {
  raw: /\/content$/,
  folder: "",
  ids: openaiIds,
  foreign: written,
  makes: made,
  list: "data",
  paging: after,
  translates: true,
};

export const openaiFiles: Family = {
  ...openai,
  methods: [
    [/^$/, ["GET", "POST"]],
    [rest(one), ["GET", "DELETE"]],
    [rest(`${one}\\/content`), ["GET"]],
  ],
};

export const openaiBatches: Family = {
  ...openai,
  methods: [
    [/^$/, ["GET", "POST"]],
    [rest(one), ["GET"]],
    [rest(`${one}\\/cancel`), ["POST"]],
  ],
};

/** Made by a model, and some of them from others. */
export const openaiVideos: Family = {
  ...openai,
  ids: new Set([...openaiIds, "remixed_from_video_id"]),
  makes: [["id"]],
  methods: [
    [/^$/, ["GET", "POST"]],
    [rest(`(?!${notVideos})${one}`), ["GET", "DELETE"]],
    [rest(`(?!${notVideos})${one}\\/content`), ["GET"]],
    [rest(`(?!${notVideos})${one}\\/remix`), ["POST"]],
  ],
};

/** With files inside: whose the container is theirs are. */
export const openaiContainers: Family = {
  ...openai,
  methods: [
    [/^$/, ["GET", "POST"]],
    [rest(one), ["GET", "DELETE"]],
    [rest(`${one}\\/files`), ["GET", "POST"]],
    [rest(`${one}\\/files${one}`), ["GET", "DELETE"]],
    [rest(`${one}\\/files${one}\\/content`), ["GET"]],
  ],
};

/** With files inside, by the ids that they have outside. */
export const openaiVectorStores: Family = {
  ...openai,
  ids: new Set([...openaiIds, "vector_store_id"]),
  foreign: new Set(["metadata", "attributes", "content"]),
  makes: [["id"]],
  methods: [
    [/^$/, ["GET", "POST"]],
    [rest(one), ["GET", "POST", "DELETE"]],
    [rest(`${one}\\/(?:search|file_batches)`), ["POST"]],
    [rest(`${one}\\/files`), ["GET", "POST"]],
    [rest(`${one}\\/files${one}`), ["GET", "POST", "DELETE"]],
    [rest(`${one}\\/files${one}\\/content`), ["GET"]],
    [rest(`${one}\\/file_batches${one}`), ["GET"]],
    [rest(`${one}\\/file_batches${one}\\/files`), ["GET"]],
    [rest(`${one}\\/file_batches${one}\\/cancel`), ["POST"]],
  ],
};

/** Its items keep their own ids, since they are sent back as they are. There is no list of them all. */
export const openaiConversations: Family = {
  ...openai,
  form: /^(?:[^~]+~)?conv_/,
  makes: [["id"]],
  methods: [
    [/^$/, ["POST"]],
    [rest(one), ["GET", "POST", "DELETE"]],
    [rest(`${one}\\/items`), ["GET", "POST"]],
    [rest(`${one}\\/items${one}`), ["GET", "DELETE"]],
  ],
};

const anthropic: Omit<Family, "methods"> = {
  raw: /\/content$/,
  folder: "",
  ids: new Set(["id", "first_id", "last_id"]),
  foreign: new Set(),
  makes: [["id"]],
  list: "data",
  paging: { ids: { after: "after_id", before: "before_id" }, token: { asks: "page", tells: "next_page" } },
  translates: false,
};

export const anthropicFiles: Family = { ...anthropic, methods: openaiFiles.methods };

export const anthropicBatches: Family = {
  ...anthropic,
  raw: /\/results$/,
  models: "requests",
  methods: [
    [/^$/, ["GET", "POST"]],
    [rest(one), ["GET", "DELETE"]],
    [rest(`${one}\\/results`), ["GET"]],
    [rest(`${one}\\/cancel`), ["POST"]],
  ],
};

const gemini: Omit<Family, "methods" | "folder" | "list"> = {
  raw: /:download$/,
  ids: new Set(["name", "fileName", "file_name", "responsesFile", "responses_file"]),
  foreign: new Set(["requests", "inlinedResponses", "contents", "tools", "systemInstruction", "customMetadata"]),
  makes: [["name"], ["file", "name"], ["response", "responsesFile"], ["metadata", "output", "responsesFile"]],
  paging: { token: { asks: "pageToken", tells: "nextPageToken" } },
  translates: true,
};

export const geminiFiles: Family = {
  ...gemini,
  folder: "files/",
  list: "files",
  methods: [
    [/^$/, ["GET"]],
    [rest(one), ["GET", "DELETE"]],
    [rest(`${one}:download`), ["GET"]],
  ],
};

/** Comes in as many calls as it needs; then it is a file. */
export const geminiUploads: Family = { ...geminiFiles, raw: undefined, methods: [[/^$/, ["POST"]]] };

export const geminiBatches: Family = {
  ...gemini,
  folder: "batches/",
  list: "operations",
  methods: [
    [/^$/, ["GET"]],
    [rest(one), ["GET", "DELETE"]],
    [rest(`${one}:cancel`), ["POST"]],
  ],
};

/** Made at a model's own path. */
export const geminiBatchMaking: Family = { ...geminiBatches, models: "path" };

/** What was said before, kept for requests to come: it is made for one model. */
export const geminiCaches: Family = {
  ...gemini,
  folder: "cachedContents/",
  list: "cachedContents",
  models: "member",
  methods: [
    [/^$/, ["GET", "POST"]],
    [rest(one), ["GET", "PATCH", "DELETE"]],
  ],
};

/** A model at work on what takes long: a film, which is a file in the end. */
export const geminiOperations: Family = {
  ...gemini,
  folder: "models/",
  isWhole: true,
  list: "operations",
  makes: [["name"], ["response", "generateVideoResponse", "generatedSamples", "video", "uri"]],
  methods: [[rest(`\\/[\\w.-]+\\/operations${one}`), ["GET"]]],
};

/** The same at Vertex, where one is asked about at its model's path, by its name in the body. */
export const vertexOperations: Family = {
  ...geminiOperations,
  ids: new Set([...gemini.ids, "operationName"]),
  makes: [],
  methods: [[/^$/, ["POST"]]],
};
