/** What is read of a request to Cohere's chat below its top. */
import { lookup, type Shape, text } from "../../json.ts";
import { type Fields, fields } from "../unread.ts";

const document = fields("data");
const parts: Readonly<Record<string, Fields>> = {
  text: fields("type text"),
  thinking: fields("type thinking signature"),
  image_url: fields("type image_url", { image_url: fields("url detail") }),
  document: fields("type document", { document }),
};

const call = fields("id type function", { function: fields("name arguments") });

export const readFields = {
  messages: fields("role content tool_plan tool_calls tool_call_id", {
    content: (value: Shape) => lookup(parts, text(value["type"])),
    tool_calls: call,
  }),
  documents: document,
  tools: fields("type function", { function: fields("name description parameters") }),
  response_format: fields("type json_schema schema"),
  thinking: fields("type token_budget"),
};
