/** What is read of a request for a response below its top. */
import { lookup, type Shape, text } from "../../json.ts";
import { type Fields, fields } from "../unread.ts";

const words = fields("type text logprobs");
const parts: Readonly<Record<string, Fields>> = {
  input_text: words,
  output_text: words,
  text: words,
  refusal: fields("type refusal"),
  input_image: fields("type image_url file_id detail"),
  input_audio: fields("type input_audio", { input_audio: fields("data format") }),
  input_file: fields("type filename file_data file_url file_id"),
};

const part = (value: Shape): Fields | undefined => lookup(parts, text(value["type"]));
const output = fields("type id call_id output status", { output: part });
const message = fields("type id role content status", { content: part });
const items: Readonly<Record<string, Fields>> = {
  message,
  function_call: fields("type id call_id name arguments status"),
  custom_tool_call: fields("type id call_id name input status"),
  function_call_output: output,
  custom_tool_call_output: output,
};

export const readFields = {
  input: (value: Shape) => lookup(items, text(value["type"]) ?? "message"),
};
