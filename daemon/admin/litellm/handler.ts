/**
 * Management in LiteLLM's words, over the same services, permissions and audit trail as the admin API. Hides that the
 * request came through a worker, and how LiteLLM says no.
 */

import { hash } from "node:crypto";
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { GenerationData } from "../../config/generation.ts";
import type { ManageRequest } from "../../pipeline/plane.ts";
import type { AdminResponse } from "../contract/calling.ts";
import type { ErrorAnswer } from "../contract/errors.ts";
import { renderAdminError } from "../failure.ts";
import type { AdminHandler, AdminHandlerOptions } from "../handler.ts";
import { readJson } from "../read-json.ts";
import type { Caller } from "../route.ts";
import { createRouter } from "../router.ts";
import { shownKey } from "./key-shape.ts";
import { shownModels } from "./model-limits.ts";
import { litellmRoutes } from "./routes.ts";
import { keyReport } from "./spend-report.ts";

export type LitellmOptions = AdminHandlerOptions & {
  readonly authenticate: (authorization: string | undefined) => Caller;
  readonly current: () => GenerationData;
};

/** A table for each daemon, since it holds the repeats that a client may ask for. */
const routers = new WeakMap<LitellmOptions, AdminHandler>();

export async function answerLitellm(
  options: LitellmOptions,
  { method, path, authorization, body }: ManageRequest,
): Promise<{ readonly status: number; readonly text: string }> {
  let answer: AdminResponse;
  try {
    const own = await ownInfo(options, method, path, authorization);
    if (own !== undefined) return { status: 200, text: JSON.stringify(own) };
    const caller = options.authenticate(authorization);
    let route = routers.get(options);
    if (route === undefined) {
      route = createRouter({ ...options, routes: litellmRoutes(options.current) });
      routers.set(options, route);
    }
    answer = await route({ method, path, ...(body.trim() === "" ? {} : { body: readJson(body) }) }, caller);
  } catch (error) {
    answer = renderAdminError(error, options);
  }
  if (!("body" in answer)) throw new TypeError(`${path} answers in lines`);
  const told = answer.status < 400 ? answer.body : failure(answer.status, answer.body as ErrorAnswer);
  return { status: answer.status, text: JSON.stringify(told) };
}

/** What the holder of a key asks of it, which no other key is told. */
async function ownInfo(
  { services }: LitellmOptions,
  method: string,
  path: string,
  authorization: string | undefined,
): Promise<object | undefined> {
  const [, route, search] = (method === "GET" ? /^\/key\/(info|spend\/report)(?:\?(.*))?$/.exec(path) : null) ?? [];
  const [, secret] = /^Bearer ((?!bf-admin-)\S+)$/i.exec(authorization ?? "") ?? [];
  if (route === undefined || secret === undefined) return undefined;
  const { key } = await services.keys.holder(hash("sha256", secret, "buffer"));
  const asked = Object.fromEntries([...new URLSearchParams(search)].filter(([, value]) => value !== ""));
  const param = route === "info" ? "key" : "api_key";
  if (![key.id, key.name, secret, hash("sha256", secret)].includes(asked[param] ?? key.id))
    throw new GatewayError("permission_denied", "a key is told of itself alone", { param });
  if (route !== "info") return keyReport(services, key.id, asked);
  return { key: key.id, info: { ...shownKey(key), ...(await shownModels(services, { kind: "key", id: key.id })) } };
}

function failure(status: number, { error }: ErrorAnswer) {
  return {
    error: { message: error.message, type: error.code, param: error.param ?? null, code: String(status) },
  };
}
