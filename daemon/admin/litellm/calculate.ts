/** `/spend/calculate`: what an answer cost, or what a prompt would. Hides where it would go and at which price. */
import { z } from "zod";
import { type Cost, cost } from "../../../providers/catalog/cost.ts";
import { dialects } from "../../../providers/dialects/index.ts";
import type { Usage } from "../../../providers/exchange.ts";
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { GenerationData } from "../../config/generation.ts";
import { bytesPerToken } from "../../pipeline/route.ts";
import type { AdminServices } from "../admin-services.ts";
import { asks, type Route } from "../route.ts";
import { catalogOf } from "../services/catalog.ts";
import { body, word } from "./fields.ts";

type Asked = {
  readonly model?: string | null;
  readonly messages?: readonly unknown[] | null;
  readonly completion_response?: Readonly<Record<string, unknown>> | null;
};

const nanoPerDollar = 1e9;
const fields = {
  model: word,
  messages: z.array(z.unknown()).max(100_000).nullable().optional(),
  completion_response: z.record(z.string(), z.unknown()).nullable().optional(),
};

export function calculateRoute(current: () => GenerationData): Route {
  return asks<Asked>({
    ...{
      method: "POST",
      path: "/spend/calculate",
      permission: "models:read",
      body: body<typeof fields, Asked>(fields),
    },
    summary: "LiteLLM's /spend/calculate",
    async run(services, { body: asked }) {
      const target = await targetOf(services, asked);
      const found = costOf(current(), target, usageOf(asked));
      if ("unpriced" in found) throw new GatewayError("unpriced_model", `no price is known for ${target}`);
      return { cost: found.nano / nanoPerDollar };
    },
  });
}

function costOf(generation: GenerationData, target: string, usage: Usage): Cost {
  const slash = target.indexOf("/");
  const [provider, model] = [target.slice(0, slash), target.slice(slash + 1)];
  if (generation.providers.some(({ name, free }) => name === provider && free)) return { nano: 0 };
  return cost(catalogOf(generation).price(provider, model, Date.now()), usage);
}

/** Where a request for it would go now; an answer tells its model itself. */
async function targetOf({ routing }: AdminServices, { model, completion_response: answer }: Asked): Promise<string> {
  const told = answer?.["model"];
  const name = model || (typeof told === "string" ? told : "");
  if (name === "") throw new GatewayError("invalid_request", '"model": which one?', { param: "model" });
  const { targets, error } = await routing.test({ model: name });
  const [first] = targets;
  if (first !== undefined) return first.target;
  throw new GatewayError("model_not_found", error?.message ?? `nobody offers "${name}"`, { param: "model" });
}

/** An answer says what it took. Of a prompt it is estimated, and its answer is not counted, as there. */
function usageOf({ messages, completion_response: answer }: Asked): Usage {
  if (answer != null) {
    const events = dialects["openai-chat"]!.decode(answer);
    const usage = events.findLast((event) => event.type === "usage")?.usage;
    if (usage?.input !== undefined || usage?.output !== undefined) return usage;
    throw new GatewayError("invalid_request", '"completion_response": has no usage', { param: "completion_response" });
  }
  if (messages == null)
    throw new GatewayError("invalid_request", "give messages or completion_response", { param: "messages" });
  return { input: Math.ceil(Buffer.byteLength(JSON.stringify(messages)) / bytesPerToken), output: 0 };
}
