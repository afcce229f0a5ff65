/** What is read of a Converse request below its top. */
import { isObject, lookup, type Shape } from "../../json.ts";
import { type Fields, fields } from "../unread.ts";

const media = fields("format source");
const blocks: Readonly<Record<string, Fields>> = {
  text: fields("text"),
  cachePoint: fields("cachePoint", { cachePoint: fields("type ttl") }),
  image: fields("image", { image: media }),
  video: fields("video", { video: media }),
  audio: fields("audio", { audio: media }),
  document: fields("document", { document: fields("format name source context citations") }),
  searchResult: fields("searchResult", {
    searchResult: fields("source title content citations", { content: fields("text") }),
  }),
  toolUse: fields("toolUse", { toolUse: fields("toolUseId name input type") }),
  toolResult: fields("toolResult", {
    toolResult: fields("toolUseId content status type", { content: block }),
  }),
  reasoningContent: fields("reasoningContent", {
    reasoningContent: fields("reasoningText redactedContent", { reasoningText: fields("text signature") }),
  }),
  citationsContent: fields("citationsContent", { citationsContent: fields("content citations") }),
};

/** A block is what its first field says; one that has no counterpart is kept whole. */
function block(value: Shape): Fields | undefined {
  return lookup(
    blocks,
    Object.keys(value).find((key) => value[key] !== undefined && value[key] !== null),
  );
}

export const readFields = {
  system: block,
  messages: fields("role content", { content: block }),
  inferenceConfig: fields("maxTokens temperature topP stopSequences"),
  toolConfig: fields("tools toolChoice", {
    tools: (value: Shape) => (isObject(value["toolSpec"]) ? spec : undefined),
  }),
};
const spec = fields("toolSpec", { toolSpec: fields("name description inputSchema strict") });
