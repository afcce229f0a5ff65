/** Requests on the port of the models that are for the admin API, in LiteLLM's words. Hides that another thread answers. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { GatewayError } from "../../providers/gateway-error.ts";
import type { Manage } from "../pipeline/plane.ts";
import { sendBody } from "./reply.ts";

const bodyBytesMax = 1_000_000;
const paths =
  /^(?:\/v2)?\/(?:key|team|user|organization|project|access_group|customer|end_user|tag|budget|spend)\/[\w./~%-]+(?:\?|$)|^\/global\/spend(?:\/\w+)?(?:\?|$)|^\/provider\/budgets(?:\?|$)/;

export function isManagement(target: string): boolean {
  return paths.test(target);
}

export async function sendManaged(
  request: IncomingMessage,
  response: ServerResponse,
  manage: Manage,
  id: string,
): Promise<void> {
  const { headers } = request;
  const body = await readText(request);
  const { status, text } = await manage({
    method: request.method ?? "GET",
    path: request.url ?? "/",
    authorization: headers.authorization ?? bearer(headers["x-litellm-api-key"]) ?? bearer(headers["x-api-key"]),
    body,
  });
  sendBody(response, status, "application/json", Buffer.from(text), id, ["cache-control", "no-store"]);
}

function bearer(header: string | string[] | undefined): string | undefined {
  return typeof header === "string" && header !== "" ? `Bearer ${header.replace(/^Bearer /i, "")}` : undefined;
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    size += chunk.length;
    if (size > bodyBytesMax)
      throw new GatewayError("payload_too_large", `the body is larger than ${bodyBytesMax} bytes`, {
        source: "client",
      });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
