/**
 * Paths of other gateways and of vendors that mean nothing here, and what to do instead: whoever moves from there is to
 * read why, and not that there is nothing.
 */

const prefix = "(?:/litellm|/langchain|/pydanticai|/cursor)?(?:/openai){0,2}(?:/api)?(?:/v1)?";

const unserved: readonly (readonly [path: RegExp, why: string])[] = [
  [
    at(`${prefix}/realtime/calls`),
    "the sound of a WebRTC call goes past the gateway, which could neither count nor end it; open a WebSocket at /v1/realtime, with a secret from /v1/realtime/client_secrets in a browser",
  ],
  [
    at(`${prefix}/videos/(?:edits|extensions|characters)`),
    "what a video that is uploaded costs cannot be told before it is read; make one at /v1/videos, or from one at /v1/videos/{id}/remix",
  ],
  [
    at(`${prefix}/batches/[^/]+/results`),
    "a batch's results are a file: GET /v1/files/{output_file_id}/content, as the batch tells it",
  ],
  [at(`${prefix}/decisions`), "no provider has it; ask a model at /v1/chat/completions with a response_format"],
  [
    at("/v1/async"),
    "an answer is not kept for later; make a batch at /v1/batches, or send `background: true` to /v1/responses of a provider that has it",
  ],
  [at("(?:/v1)?/mcp"), "tools are not run here; send them with the request, and run what the model calls"],
  [at("/inspect"), "where a request would go is told by `bifrost route test`"],
  [at("/ws"), "the live feed is part of the management API: see `bifrost top` and docs/admin-api.md"],
  [
    at("/metrics"),
    "metrics are told by the management API, on its socket or where `admin.listen` says, and not to holders of keys",
  ],
  [
    at("(?:/litellm|/langchain|/pydanticai|/cursor)?(?:/anthropic|/api)?/v1/complete"),
    "Anthropic's text completions are of models that are gone; ask at /v1/messages, or at /v1/completions for any model",
  ],
  [
    at("(?:/litellm|/langchain|/pydanticai|/cursor)?(?:/bedrock)?/model-(?:invocation-jobs?|customization-jobs?)"),
    "jobs of Bedrock's read and write buckets of your own with a role of your own: ask AWS for them, without the gateway",
  ],
  [
    /^(?:\/litellm|\/langchain|\/pydanticai|\/cursor)?(?:\/cohere)?\/v1\/(?:chat|generate)$/,
    "of Cohere's chat version 2 is served: ask at /v2/chat (`CohereClientV2`), or in OpenAI's words at /v1/chat/completions",
  ],
  [at("/typesafe"), "this client needs no path of its own: set its base URL to /v1"],
  [
    at("/api/v1/presets"),
    "presets are not kept here: write `aliases` and `routing` in the config, and name those as the model",
  ],
  [at("/api/v1/(?:auth/)?keys"), "keys are made with `bifrost keys create`, or at the management API"],
  [at("/(?:api/)?v1/endpoints/zdr"), "whether a provider keeps what it is sent is for `routing` in the config to say"],
  [at("/(?:api|v1)/webhooks"), "nothing is delivered later here; alerts are told to `alerts.channels`"],
];

function at(beginning: string): RegExp {
  return new RegExp(`^${beginning}(?:/|$)`);
}

/** Undefined: it is nobody's path. */
export function whyUnserved(path: string): string | undefined {
  return unserved.find(([pattern]) => pattern.test(path))?.[1];
}
