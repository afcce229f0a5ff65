/**
 * Providers with an API of their own, or with more than OpenAI's chat completions. Hides which model of a cloud is
 * served in which language, at which path.
 */
import { answered, chatCompletions, compatible, type Endpoint, generic, type Host } from "./host.ts";

const responses: Endpoint = { dialect: "openai-responses", path: "/responses" };

/** OpenAI ranks nothing; servers like it do. */
const { rerank: _, ...withoutRerank } = generic["openai-chat"].operations;

const openai = compatible("openai", "https://api.openai.com/v1", ["OPENAI_API_KEY"], {
  operations: {
    ...withoutRerank,
    chat: [chatCompletions, responses],
    count_tokens: [{ dialect: "openai-responses", path: "/responses/input_tokens" }],
    compact: [{ dialect: "openai-responses", path: "/responses/compact" }],
  },
  quirks: { customTools: true },
});

const anthropic: Host = {
  ...generic.anthropic,
  name: "anthropic",
  baseUrl: "https://api.anthropic.com/v1",
  environment: ["ANTHROPIC_API_KEY"],
};

const gemini: Host = {
  ...generic.gemini,
  name: "gemini",
  baseUrl: "https://generativelanguage.googleapis.com/v1beta",
  environment: ["GEMINI_API_KEY", "GOOGLE_API_KEY"],
  catalog: "google",
};

const cohere: Host = {
  ...generic.cohere,
  name: "cohere",
  baseUrl: "https://api.cohere.com/v2",
  environment: ["COHERE_API_KEY", "CO_API_KEY"],
};

/** `api-version` stands in the path of the dated API, the deployment too; in `v1` neither does. */
const v1 = ["api_version", /^(v1|latest)$/] as const;
const preview = ["api_version", /^preview$/] as const;
const dated = ["api_version", /^\d{4}-\d{2}-\d{2}(-preview)?$/] as const;
const deployment = (path: string) => `/openai/deployments/{model}${path}?api-version={api_version}`;
const query = "?api-version={api_version}";

/** What of OpenAI is at a deployment's path as well. learn.microsoft.com/azure/ai-foundry/openai/reference */
const deployed = (path: string): readonly Endpoint[] => [
  { dialect: "openai-chat", path: `/openai/v1${path}`, where: v1 },
  { dialect: "openai-chat", path: `/openai/v1${path}${query}`, where: preview },
  { dialect: "openai-chat", path: deployment(path), where: dated },
];
const responsesAt = (path: string): readonly Endpoint[] => [
  { dialect: "openai-responses", path: `/openai/v1${path}`, where: v1 },
  { dialect: "openai-responses", path: `/openai/v1${path}${query}`, where: preview },
  {
    dialect: "openai-responses",
    path: `/openai${path}${query}`,
    where: ["api_version", /^(2025-(0[3-9]|1\d)|202[6-9])/],
  },
];

const azure: Host = {
  ...generic["openai-chat"],
  name: "azure",
  baseUrl: "https://{resource}.openai.azure.com",
  auth: { kind: "header", name: "api-key" },
  identity: "entra",
  environment: ["AZURE_OPENAI_API_KEY", "AZURE_API_KEY"],
  parameters: {
    resource: { section: "azure", environment: ["AZURE_RESOURCE_NAME"] },
    api_version: { section: "azure", environment: ["AZURE_API_VERSION", "OPENAI_API_VERSION"], fallback: "v1" },
  },
  operations: {
    chat: [...deployed("/chat/completions"), ...responsesAt("/responses")],
    embeddings: deployed("/embeddings"),
    image_generations: deployed("/images/generations"),
    image_edits: deployed("/images/edits"),
    speech: deployed("/audio/speech"),
    transcriptions: deployed("/audio/transcriptions"),
    translations: deployed("/audio/translations"),
    // An object's own path goes on behind this one, where the dated API has its version already.
    files: [{ dialect: "openai-chat", path: "/openai/v1/files", where: v1 }],
    batches: [{ dialect: "openai-chat", path: "/openai/v1/batches", where: v1 }],
    videos: [{ dialect: "openai-chat", path: "/openai/v1/videos", where: v1 }],
  },
  quirks: { customTools: true },
};

/** Bedrock invokes Claude with Anthropic's own body, less what the path says. */
const claudeOnBedrock: Endpoint = {
  dialect: "anthropic",
  path: "/model/{model}/invoke",
  streamPath: "/model/{model}/invoke-with-response-stream",
  framing: "aws-event-chunks",
  models: /claude/,
  body: {
    omit: ["model", "stream"],
    add: { anthropic_version: '"bedrock-2023-05-31"' },
    headers: { "anthropic-beta": "anthropic_beta" },
  },
};

/** What Converse does not speak of is asked of each model in its own words. */
const invoked: Endpoint = { dialect: "bedrock-converse", path: "/model/{model}/invoke" };

const bedrock: Host = {
  ...generic["bedrock-converse"],
  name: "bedrock",
  baseUrl: "https://bedrock-runtime.{region}.amazonaws.com",
  identity: "aws",
  service: "bedrock",
  environment: ["AWS_BEARER_TOKEN_BEDROCK"],
  parameters: { region: { section: "aws", environment: ["AWS_REGION", "AWS_DEFAULT_REGION"] } },
  operations: {
    ...generic["bedrock-converse"].operations,
    chat: [...(generic["bedrock-converse"].operations.chat ?? []), claudeOnBedrock],
    embeddings: [{ ...invoked, models: /amazon\.titan-embed-text|cohere\.embed/ }],
    rerank: [{ ...invoked, models: /(?:amazon|cohere)\.rerank/, predict: true }],
  },
  catalog: "aws",
};

const vertexModels = "/v1/projects/{project}/locations/{location}/publishers";
const vertexGemini = (verb: string, query = "") => `${vertexModels}/google/models/{model}:${verb}${query}`;
const geminiModels = /^(?!.*\/)(?!claude|mistral|codestral|ministral)/;
const claudeModels = /^claude/;
const openModels = /\//;

const vertex: Host = {
  ...generic.gemini,
  name: "vertex",
  baseUrl: "https://{location}-aiplatform.googleapis.com",
  address: ({ location = "global" }) => {
    if (location === "global") return "https://aiplatform.googleapis.com";
    return location === "us" || location === "eu"
      ? `https://aiplatform.${location}.rep.googleapis.com`
      : `https://${location}-aiplatform.googleapis.com`;
  },
  identity: "google",
  environment: [],
  parameters: {
    project: { section: "google", environment: ["GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"] },
    location: { section: "google", environment: ["GOOGLE_CLOUD_LOCATION"], fallback: "global" },
  },
  operations: {
    chat: [
      {
        dialect: "gemini",
        path: vertexGemini("generateContent"),
        streamPath: vertexGemini("streamGenerateContent", "?alt=sse"),
        models: geminiModels,
      },
      {
        dialect: "anthropic",
        path: `${vertexModels}/anthropic/models/{model}:rawPredict`,
        streamPath: `${vertexModels}/anthropic/models/{model}:streamRawPredict`,
        models: claudeModels,
        body: { omit: ["model"], add: { anthropic_version: '"vertex-2023-10-16"' } },
      },
      {
        dialect: "openai-chat",
        path: "/v1/projects/{project}/locations/{location}/endpoints/openapi/chat/completions",
        models: openModels,
      },
    ],
    embeddings: [{ dialect: "gemini", path: vertexGemini("predict"), models: geminiModels, predict: true }],
    count_tokens: [{ dialect: "gemini", path: vertexGemini("countTokens"), models: geminiModels }],
    videos: [{ dialect: "gemini", path: vertexGemini("predictLongRunning"), models: geminiModels }],
    video_fetch: [{ dialect: "gemini", path: vertexGemini("fetchPredictOperation"), models: geminiModels }],
    image_generations: [
      { dialect: "gemini", path: vertexGemini("predict"), models: /^(?!.*\/)(?!gemini-.*image)/ },
      { dialect: "gemini", path: vertexGemini("generateContent"), models: answered, predict: true },
    ],
  },
  catalog: "google",
};

export const native: readonly Host[] = [openai, anthropic, azure, bedrock, vertex, gemini, cohere];
