/** What is asked of models and answered beside chat: vectors, rankings, pictures. */
import type { DialectId, JsonObject } from "./exchange.ts";
import type { Usage } from "./usage.ts";

export type EmbeddingRequest = {
  readonly dialect?: DialectId;
  readonly model: string;
  /** Each a text, or the tokens of one. */
  readonly inputs: readonly (string | readonly number[])[];
  readonly dimensions?: number;
  /** What the vectors are for, as Gemini names it (`RETRIEVAL_QUERY`); Cohere has words of its own for the same. */
  readonly taskType?: string;
  readonly encoding?: "float" | "base64";
  /** The caller's wire has another answer for one input than for a list of one. */
  readonly single?: boolean;
  readonly user?: string;
  readonly extra?: JsonObject;
};

/** One vector an input, in order. */
export type EmbeddingAnswer = {
  readonly model?: string | undefined;
  readonly vectors: readonly (readonly number[])[];
  readonly usage?: Usage | undefined;
};

export type RerankRequest = {
  readonly dialect?: DialectId;
  readonly model: string;
  readonly query: string;
  readonly documents: readonly (string | JsonObject)[];
  readonly topN?: number;
  readonly returnDocuments?: boolean;
  readonly extra?: JsonObject;
};

/** Best first. `searches` is what some providers bill by. */
export type RerankAnswer = {
  readonly id?: string | undefined;
  readonly results: readonly { readonly index: number; readonly score: number }[];
  readonly searches?: number | undefined;
  readonly usage?: Usage | undefined;
};

export type ImageRequest = {
  readonly dialect?: DialectId;
  readonly model: string;
  readonly prompt: string;
  readonly count: number;
  /** Width and height, as `1024x1024`. */
  readonly size?: string;
  readonly extra?: JsonObject;
};

/** Each picture in base64, and the prompt that it was really made by. */
export type ImageAnswer = {
  readonly pictures: readonly { readonly data: string; readonly revised?: string | undefined }[];
  readonly usage?: Usage | undefined;
};
