/**
 * Models that are called for a request beside its own: an advisor, what makes the pictures of a tool, what a plugin asks
 * for an opinion. A key that may not call them may not have them called either. Hides where each vendor has their names.
 */
import { list, type Shape, shape } from "../../providers/json.ts";
import { topLevel } from "../http/top-level.ts";

const members = ["tools", "plugins", "preset", "compound_custom", "additionalModelRequestFields"] as const;

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
  if (body.includes('"requests"') && tools.some((tool) => body.includes(tool)))
    for (const request of list(topLevel(body, ["requests"], Number.POSITIVE_INFINITY).requests))
      toolsIn(shape(shape(request)["params"]), found); // a batch of Anthropic's
  return found;
}

/** Without any of these in it a batch need not be parsed. */
const tools = ["advisor_", "\\u00"].map((word) => Buffer.from(word));

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
