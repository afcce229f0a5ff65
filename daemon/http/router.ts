/**
 * From the raw request target to a route. Hides the table of paths; the decision is made on the bytes of the path as
 * they came, compared whole: what is not written exactly like a route is not one, so no spelling of a path can reach
 * a route by another policy.
 */

import type { IncomingHttpHeaders } from "node:http";
import { dialects } from "../../providers/dialects/index.ts";
import type { Dialect } from "../../providers/exchange.ts";
import type { Route } from "../pipeline/exchange.ts";

export type Match =
  | { readonly kind: "call"; readonly route: Route }
  | { readonly kind: "models"; readonly model: string | undefined }
  | { readonly kind: "health"; readonly check: "all" | "live" | "ready" }
  | { readonly kind: "none"; readonly allow: string | undefined };

/** Every policy applies to every entry alike: they all go through the one pipeline. */
export const callRoutes: Readonly<Record<string, Route>> = {
  "/v1/chat/completions": { name: "chat.completions", operation: "chat", dialect: dialects["openai-chat"] },
  "/v1/embeddings": { name: "embeddings", operation: "embeddings", dialect: dialects["openai-chat"] },
  "/v1/messages": { name: "messages", operation: "chat", dialect: dialects.anthropic },
  "/v1/messages/count_tokens": {
    name: "messages.count_tokens",
    operation: "count_tokens",
    dialect: dialects.anthropic,
  },
};
const healthRoutes: Readonly<Record<string, "all" | "live" | "ready">> = {
  "/health": "all",
  "/health/live": "live",
  "/health/ready": "ready",
};
const models = "/v1/models";

export function match(method: string, target: string): Match {
  const path = pathOf(target);
  if (Object.hasOwn(callRoutes, path)) {
    return method === "POST" ? { kind: "call", route: callRoutes[path]! } : { kind: "none", allow: "POST" };
  }
  const reading = method === "GET" || method === "HEAD";
  if (Object.hasOwn(healthRoutes, path)) {
    return reading ? { kind: "health", check: healthRoutes[path]! } : { kind: "none", allow: "GET" };
  }
  if (path === models || path.startsWith(`${models}/`)) {
    if (!reading) return { kind: "none", allow: "GET" };
    return { kind: "models", model: path === models ? undefined : decoded(path.slice(models.length + 1)) };
  }
  return { kind: "none", allow: undefined };
}

/** The dialect in which someone who missed every route wants to hear of it. */
export function dialectOf(target: string, headers: IncomingHttpHeaders): Dialect {
  const path = pathOf(target);
  if (headers["anthropic-version"] !== undefined || path.startsWith("/v1/messages")) return dialects.anthropic;
  return dialects["openai-chat"];
}

/** Without query and, for the absolute form (RFC 9112 §3.2.2), without scheme and authority. */
function pathOf(target: string): string {
  let path = target;
  if (path.charCodeAt(0) !== 0x2f) {
    const scheme = /^https?:\/\/[^/?#]*/i.exec(path);
    if (scheme !== null) path = path.slice(scheme[0].length);
  }
  const query = path.indexOf("?");
  return query < 0 ? path : path.slice(0, query);
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
