/** What is read of a chat completion request below its top. */
import { lookup, type Shape, text } from "../../json.ts";
import { type Fields, fields } from "../unread.ts";

const parts: Readonly<Record<string, Fields>> = {
  text: fields("type text cache_control"),
  refusal: fields("type refusal"),
  image_url: fields("type image_url cache_control", { image_url: fields("url detail") }),
  input_audio: fields("type input_audio", { input_audio: fields("data format") }),
  file: fields("type file cache_control", { file: fields("file_id filename file_data") }),
};

const tools: Readonly<Record<string, Fields>> = {
  function: fields("type function cache_control", {
    function: fields("name description parameters strict cache_control"),
  }),
  custom: fields("type custom"),
};

function byType(table: Readonly<Record<string, Fields>>): (value: Shape) => Fields | undefined {
  return (value) => lookup(table, text(value["type"]));
}

export const readFields = {
  messages: fields(
    `role content name refusal tool_calls tool_call_id audio reasoning reasoning_content reasoning_details
    cache_control`,
    {
      content: byType(parts),
      tool_calls: fields("id type index function custom cache_control", {
        function: fields("name arguments"),
        custom: fields("name input"),
      }),
    },
  ),
  tools: byType(tools),
  response_format: fields("type json_schema", { json_schema: fields("name description schema strict") }),
  reasoning: fields("effort max_tokens enabled"),
};
