/** What is read of a Messages request below its top. */
import { lookup, type Shape, text } from "../../json.ts";
import { type Fields, fields } from "../unread.ts";

/** Who called a tool says nothing to another provider: it is told of the model alone. */
const blocks: Readonly<Record<string, Fields>> = {
  text: fields("type text citations cache_control"),
  image: fields("type source cache_control"),
  thinking: fields("type thinking signature"),
  redacted_thinking: fields("type data"),
  search_result: fields("type source title content citations cache_control", { content: fields("type text") }),
  tool_use: fields("type id name input caller cache_control"),
  tool_result: fields("type tool_use_id content is_error cache_control", { content: block }),
};

/** A document's own fields are kept beside it, and a block that has no counterpart whole. */
function block(value: Shape): Fields | undefined {
  return lookup(blocks, text(value["type"]));
}

export const readFields = {
  system: block,
  messages: fields("role content", { content: block }),
  tool_choice: fields("type name disable_parallel_tool_use"),
  thinking: fields("type budget_tokens"),
};
