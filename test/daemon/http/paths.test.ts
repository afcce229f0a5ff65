/** Every path that the Go gateway and OpenRouter have is served, or refused with what to do instead. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { match } from "../../../daemon/http/router.ts";
import { socketPaths } from "../../../daemon/http/routes.ts";
import { whyUnserved } from "../../../daemon/http/unserved.ts";

const paths = `
GET /v1/models
POST /v1/completions
POST /v1/chat/completions
POST /v1/responses
GET /v1/responses/r1
DELETE /v1/responses/r1
POST /v1/responses/r1/cancel
GET /v1/responses/r1/input_items
POST /v1/responses/input_tokens
POST /v1/count_tokens
POST /v1/responses/compact
POST /v1/embeddings
POST /v1/rerank
POST /v1/fim/completions
POST /v1/ocr
POST /v1/decisions
POST /v1/chat
POST /cohere/v1/chat
POST /v1/generate
POST /v1/audio/speech
POST /v1/audio/transcriptions
POST /v1/images/generations
POST /v1/images/edits
POST /v1/images/variations
POST /v1/videos
GET /v1/videos
GET /v1/videos/v
DELETE /v1/videos/v
GET /v1/videos/v/content
POST /v1/videos/v/remix
POST /v1/batches
GET /v1/batches
GET /v1/batches/b
POST /v1/batches/b/cancel
GET /v1/batches/b/results
POST /v1/files
GET /v1/files/f
DELETE /v1/files/f
GET /v1/files/f/content
POST /v1/containers
GET /v1/containers
GET /v1/containers/c
DELETE /v1/containers/c
POST /v1/containers/c/files
GET /v1/containers/c/files
GET /v1/containers/c/files/f
DELETE /v1/containers/c/files/f
GET /v1/containers/c/files/f/content
POST /v1/mcp/tool/execute
POST /inspect
GET /inspect
GET /health
GET /metrics
GET /ws
POST /mcp
POST /v1/async/chat/completions
GET /v1/async/chat/completions/j
POST /v1/realtime/calls
POST /v1/realtime/client_secrets
POST /v1/realtime/sessions
GET /openai/openai/deployments
GET /openai/deployments
GET /openai/openai/deployments/d/models
GET /openai/openai/models
POST /openai/openai/deployments/d/chat/completions
POST /openai/openai/deployments/d/completions
POST /openai/openai/deployments/d/responses
POST /openai/openai/deployments/d/embeddings
POST /openai/openai/deployments/d/audio/speech
POST /openai/openai/deployments/d/images/generations
GET /openai/v1/models
POST /openai/v1/files
POST /openai/v1/containers
POST /openai/v1/videos
POST /anthropic/v1/messages
POST /anthropic/v1/complete
GET /anthropic/v1/models
POST /anthropic/v1/messages/count_tokens
POST /anthropic/v1/messages/batches
GET /anthropic/v1/messages/batches/b
POST /anthropic/v1/messages/batches/b/cancel
GET /anthropic/v1/messages/batches/b/results
DELETE /anthropic/v1/messages/batches/b
POST /anthropic/v1/files
GET /anthropic/v1/files/f/content
POST /genai/v1beta/models/m:generateContent
POST /genai/v1beta/models/m:predict
POST /genai/v1beta/models/m:predictLongRunning
POST /v1/publishers/google/models/m:fetchPredictOperation
POST /genai/v1beta/models/m:batchGenerateContent
GET /genai/v1beta/models
GET /genai/v1beta/files
GET /genai/v1beta/files/f
POST /genai/upload/v1beta/files
POST /upload/v1beta/files
GET /v1beta/batches
POST /genai/v1beta/cachedContents
POST /genai/v1beta1/projects/p/locations/l/publishers/google/models/m:generateContent
POST /bedrock/model/m/converse
POST /bedrock/model-invocation-jobs
POST /bedrock/model-invocation-job
GET /bedrock/model-invocation-job/x
POST /bedrock/model-invocation-job/x/stop
POST /bedrock/rerank
POST /cohere/v2/chat
POST /cohere/v1/tokenize
POST /litellm/v1/chat/completions
POST /litellm/bedrock/model/m/converse
POST /litellm/cohere/v2/chat
POST /cursor/v1/chat/completions
POST /typesafe/v1/chat/completions
POST /openai_passthrough/v1/x
GET /api/v1/key
GET /api/v1/activity
GET /api/v1/credits
GET /api/v1/providers
GET /api/v1/models/count
GET /api/v1/endpoints/zdr
GET /api/v1/generation
POST /api/v1/presets/s/chat/completions
POST /api/v1/presets/s/messages
POST /api/v1/presets/s/responses
POST /api/v1/auth/keys
POST /api/v1/messages
POST /api/v1/keys
GET /api/webhooks
GET /v1/realtime/calls
`
  .trim()
  .split("\n");

test("match() serves every path of theirs, or whyUnserved() says what to do instead, and never both", () => {
  const refused: string[] = [];
  for (const line of paths) {
    const [method, path] = line.split(" ") as [string, string];
    const isServed = match(method, path).kind !== "none" || socketPaths.has(path);
    const why = whyUnserved(path);
    assert.notEqual(isServed, why !== undefined, `${line}: served ${isServed}, and ${why}`);
    if (!isServed) refused.push(path);
  }
  const documented = readFileSync(new URL("../../../docs/routes.md", import.meta.url), "utf8");
  for (const path of refused) {
    const words = path
      .replace(/^\/(?:genai|openai|anthropic|bedrock)(?=\/)/, "")
      .split("/")
      .slice(1, 4);
    assert.ok(
      words.some((word) => documented.split("## Not served")[1]!.includes(word.replace(/^m:/, ":"))),
      `docs/routes.md does not tell of ${path}`,
    );
  }
});

test("whyUnserved() says nothing of what nobody has", () => {
  for (const path of [
    "/",
    "/v1/nothing",
    "/v1/chat/nothing",
    "/v1/videos-of-mine",
    "/v1/models/predict",
    "/mcpx",
    "/v1beta/models/m:generateContent",
  ])
    assert.equal(whyUnserved(path), undefined, path);
});
