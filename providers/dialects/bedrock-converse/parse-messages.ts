/** A client's system text and messages. Hides Bedrock's blocks, and that a cache marker is one of them: here it hangs on the part before it. */
import type { CacheMarker, JsonObject, Message, Part } from "../../exchange.ts";
import { isObject, json, jsonObject, type Mutable, type Shape, shape } from "../../json.ts";
import { optionalList, optionalText, refuse, requiredObject, requiredText } from "../strict.ts";
import { argumentsText } from "../tool-arguments.ts";
import { parseSource } from "./media.ts";
import { parseRedacted } from "./redacted.ts";

export function parseSystem(source: Shape): readonly Message[] {
  const blocks = optionalList(source, "system");
  if (blocks === undefined || blocks.length === 0) return [];
  return [{ role: "system", parts: parseBlocks(blocks, "system") }];
}

export function parseMessages(source: Shape): readonly Message[] {
  const messages = optionalList(source, "messages") ?? refuse("messages", "is required and must be an array");
  if (messages.length === 0) refuse("messages", "must hold at least one message");
  return messages.map((value, index) => {
    const at = `messages[${index}]`;
    const message = requiredObject(value, at);
    const role = requiredText(message, "role", `${at}.role`);
    if (role !== "user" && role !== "assistant") refuse(`${at}.role`, "must be user or assistant");
    const content = optionalList(message, "content", `${at}.content`) ?? refuse(`${at}.content`, "is required");
    return { role, parts: parseBlocks(content, `${at}.content`) };
  });
}

function parseBlocks(blocks: readonly unknown[], at: string): readonly Part[] {
  const parts: Mutable<Part>[] = [];
  for (const [index, value] of blocks.entries()) {
    const place = `${at}[${index}]`;
    const block = requiredObject(value, place);
    const marker = cacheMarker(block["cachePoint"]);
    const last = parts.at(-1);
    if (marker === undefined) parts.push(...parseBlock(block, place));
    else if (last !== undefined && markable.has(last.type)) (last as { cache?: CacheMarker }).cache = marker;
    else parts.push(opaque(block));
  }
  return parts;
}

const markable: ReadonlySet<Part["type"]> = new Set([
  "text",
  "image",
  "document",
  "video",
  "search_result",
  "tool_call",
  "tool_result",
]);

export function cacheMarker(point: unknown): CacheMarker | undefined {
  if (!isObject(point)) return undefined;
  const { ttl } = point;
  return ttl === "5m" || ttl === "1h" ? { ttl } : {};
}

function parseBlock(block: Shape, at: string): readonly Part[] {
  const [kind] = Object.keys(block).filter((key) => block[key] !== undefined && block[key] !== null);
  const inner = (): Shape => requiredObject(block[kind!], `${at}.${kind}`);
  switch (kind) {
    case undefined:
      return refuse(at, "must hold a block such as text");
    case "text":
      return [{ type: "text", text: requiredText(block, "text", `${at}.text`) }];
    case "image": {
      const source = parseSource(inner(), `${at}.image`);
      return [source === undefined ? opaque(block) : { type: "image", source }];
    }
    case "video": {
      const source = parseSource(inner(), `${at}.video`);
      return [source === undefined ? opaque(block) : { type: "video", source }];
    }
    case "audio":
      return [parseAudio(block, inner(), `${at}.audio`)];
    case "document":
      return [parseDocument(block, inner(), `${at}.document`)];
    case "searchResult":
      return [parseSearchResult(block, inner(), `${at}.searchResult`)];
    case "reasoningContent":
      return [parseReasoning(block, inner(), `${at}.reasoningContent`)];
    case "toolUse": {
      const call = inner();
      return [
        {
          type: "tool_call",
          id: requiredText(call, "toolUseId", `${at}.toolUse.toolUseId`),
          name: requiredText(call, "name", `${at}.toolUse.name`),
          arguments: argumentsText(call["input"]),
        },
      ];
    }
    case "toolResult":
      return [parseResult(inner(), `${at}.toolResult`)];
    case "citationsContent":
      return parseCited(inner(), `${at}.citationsContent`);
    default:
      return [opaque(block)]; // guardContent and what is not known yet
  }
}

function opaque(block: Shape): Part {
  return { type: "opaque", dialect: "bedrock-converse", value: jsonObject(block) };
}

function parseAudio(block: Shape, audio: Shape, at: string): Part {
  const source = parseSource(audio, at);
  if (source?.kind !== "base64") return opaque(block);
  return { type: "audio", data: source.data, format: requiredText(audio, "format", `${at}.format`) };
}

function parseDocument(block: Shape, document: Shape, at: string): Part {
  const source = parseSource(document, at);
  if (source === undefined) return opaque(block);
  const title = optionalText(document, "name", `${at}.name`);
  const extra: Record<string, JsonObject[string]> = {};
  if (document["context"] !== undefined) extra["context"] = json(document["context"]);
  if (document["citations"] !== undefined) extra["citations"] = json(document["citations"]);
  return {
    type: "document",
    source,
    ...(title === undefined ? {} : { title }),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}

function parseSearchResult(block: Shape, result: Shape, at: string): Part {
  const { content, citations } = result;
  const texts = Array.isArray(content)
    ? content.map((inner) => optionalText(shape(inner), "text", `${at}.content`))
    : [];
  if (!Array.isArray(content) || texts.includes(undefined)) return opaque(block);
  return {
    type: "search_result",
    source: requiredText(result, "source", `${at}.source`),
    title: requiredText(result, "title", `${at}.title`),
    texts: texts as string[],
    ...(citations === undefined || citations === null ? {} : { citations: json(citations) }),
  };
}

function parseReasoning(block: Shape, content: Shape, at: string): Part {
  const redacted = optionalText(content, "redactedContent", `${at}.redactedContent`);
  if (redacted !== undefined) return { type: "redacted_thinking", data: parseRedacted(redacted) };
  if (!isObject(content["reasoningText"])) return opaque(block);
  const told = content["reasoningText"];
  const signature = optionalText(told, "signature", `${at}.reasoningText.signature`);
  return {
    type: "thinking",
    // A client that put a stream together has none where only the proof was told.
    text: optionalText(told, "text", `${at}.reasoningText.text`) ?? "",
    ...(signature === undefined || signature === "" ? {} : { signature }),
  };
}

function parseResult(result: Shape, at: string): Part {
  const content: Part[] = [];
  const blocks = optionalList(result, "content", `${at}.content`) ?? [];
  for (const [index, value] of blocks.entries()) {
    const place = `${at}.content[${index}]`;
    const block = requiredObject(value, place);
    if ("toolUse" in block || "toolResult" in block) refuse(place, "a tool result holds no tool blocks");
    // Others have texts only: a value is told as JSON.
    if (block["json"] !== undefined) content.push({ type: "text", text: JSON.stringify(block["json"]) });
    else content.push(...parseBlock(block, place));
  }
  return {
    type: "tool_result",
    id: requiredText(result, "toolUseId", `${at}.toolUseId`),
    content,
    ...(result["status"] === "error" ? { isError: true } : {}),
  };
}

function parseCited(cited: Shape, at: string): readonly Part[] {
  const texts = (optionalList(cited, "content", `${at}.content`) ?? []).map((value, index) =>
    requiredText(requiredObject(value, `${at}.content[${index}]`), "text", `${at}.content[${index}].text`),
  );
  const citations = optionalList(cited, "citations", `${at}.citations`) ?? [];
  return [{ type: "text", text: texts.join(""), ...(citations.length === 0 ? {} : { citations: json(citations) }) }];
}
