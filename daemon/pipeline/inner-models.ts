/**
 * Models that are called for a request beside its own: an advisor, what makes the pictures of a tool, what a plugin asks
 * for an opinion. A key that may not call them may not have them called either. Hides where each vendor has their names.
 */
import { list, type Shape, shape } from "../../providers/json.ts";
import { topLevel } from "../http/top-level.ts";

const members = ["tools", "plugins", "preset", "compound_custom", "additionalModelRequestFields"] as const;
const configs = ["generationConfig", "generation_config"] as const;

/** Of a body that has tools or the like. */
export function innerModels(body: Buffer): readonly string[] {
  const found: string[] = [];
  const told = topLevel(body, members, Number.POSITIVE_INFINITY);
  // A preset of OpenRouter's brings a model that nobody here knows.
  if (typeof told.preset === "string") found.push(`@preset/${told.preset}`);
  toolsIn(told, found);
  toolsIn(shape(told.additionalModelRequestFields), found); // Bedrock's
  namesIn(told.plugins, found);
  namesIn(told.compound_custom, found);
  routedIn(body, found);
  if (body.includes('"requests"') && tools.some((tool) => body.includes(tool)))
    for (const request of list(topLevel(body, ["requests"], Number.POSITIVE_INFINITY).requests))
      toolsIn(shape(shape(request)["params"]), found); // a batch of Anthropic's
  return found;
}

/** Without any of these in it a batch need not be parsed. */
const tools = ["advisor_", "\\u00"].map((word) => Buffer.from(word));

/** Vertex takes a model by hand that is not the path's. */
function routedIn(body: Buffer, found: string[]): void {
  if (!body.includes("outing")) return;
  for (const config of Object.values(topLevel(body, configs, Number.POSITIVE_INFINITY))) {
    const { routingConfig, routing_config: snake } = shape(config);
    for (const routing of [shape(routingConfig), shape(snake)])
      for (const mode of [shape(routing["manualMode"]), shape(routing["manual_mode"])])
        for (const name of [mode["modelName"], mode["model_name"]]) if (typeof name === "string") found.push(name);
  }
}

function toolsIn(asked: Shape, found: string[]): void {
  for (const tool of list(asked["tools"])) {
    const { type, model, parameters } = shape(tool);
    if (typeof model === "string") found.push(model);
    // Of anybody else's tools this is a schema.
    if (typeof type === "string" && type.startsWith("openrouter:")) namesIn(parameters, found);
  }
}

/** Whatever is called a model; a list of those that may be chosen from is the chosen model's to obey. */
function namesIn(value: unknown, found: string[]): void {
  if (typeof value !== "object" || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    if (/(?:^|_)models?$/.test(name) && !name.startsWith("allowed_"))
      for (const each of [inner].flat()) if (typeof each === "string") found.push(each);
    namesIn(inner, found);
  }
}
