/**
 * What a failure of an SDK tells its user, read from where the SDK of that API puts it and nowhere else: a body that is
 * another API's has no kind here. Hides the many places in which SDKs keep a body.
 */
import type { Api, Failure } from "./driver.ts";

type Thrown = {
  readonly name: string;
  readonly message: string;
  readonly status?: number;
  readonly statusCode?: number;
  readonly $metadata?: { readonly httpStatusCode?: number };
  /** OpenAI's SDK: what is within `error`; Anthropic's: the body. */
  readonly error?: Readonly<Record<string, unknown>>;
  /** Cohere's SDK. */
  readonly body?: Readonly<Record<string, unknown>>;
  /** `ai`: the body, where it fits its provider's schema. */
  readonly data?: Readonly<Record<string, unknown>>;
};

/** The word by which each API's own errors are told apart, by status. */
export const kinds: Readonly<Record<Api, Readonly<Record<number, string>>>> = {
  openai: {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "budget_exceeded",
    404: "not_found_error",
    429: "rate_limit_exceeded",
  },
  anthropic: {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    404: "not_found_error",
    429: "rate_limit_error",
  },
  gemini: {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "FAILED_PRECONDITION",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
  },
  bedrock: {
    400: "ValidationException",
    401: "AccessDeniedException",
    402: "AccessDeniedException",
    404: "ResourceNotFoundException",
    429: "ThrottlingException",
  },
  // Its errors have a message and no word for their kind.
  cohere: { 400: "message", 401: "message", 402: "message", 404: "message", 429: "message" },
};

export function failureOf(api: Api, thrown: unknown): Failure {
  const { message, status, statusCode, $metadata } = thrown as Thrown;
  return { status: status ?? statusCode ?? $metadata?.httpStatusCode, message, kind: kindOf(api, thrown as Thrown) };
}

function kindOf(api: Api, { name, message, error, body, data }: Thrown): unknown {
  const said = data ?? body;
  switch (api) {
    case "openai":
      return data === undefined ? error?.["type"] : within(data, "type");
    case "anthropic":
      return within(said ?? error ?? {}, "type");
    case "gemini":
      return within(data ?? parsed(message), "status");
    case "bedrock":
      return name;
    case "cohere":
      return typeof said?.["message"] === "string" ? "message" : undefined;
  }
}

function within(body: Readonly<Record<string, unknown>>, field: string): unknown {
  return (body["error"] as Readonly<Record<string, unknown>> | undefined)?.[field];
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    return {};
  }
}
