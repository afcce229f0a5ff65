/** What messages are made of: texts, pictures, documents, recordings. */
import { type Feature, fields, png, userParts } from "./build.ts";

const found = { type: "search_result", source: "S", title: "MARK", content: [{ type: "text", text: "t" }] };
const foundAtBedrock = { source: "S", title: "MARK", content: [{ text: "t" }] };

export const messages: Readonly<Record<string, Feature>> = {
  "system text": {
    said: fields({
      "openai-chat": {
        messages: [
          { role: "system", content: "MARK" },
          { role: "user", content: "hi" },
        ],
      },
      "openai-responses": { instructions: "MARK" },
      anthropic: { system: "MARK" },
      gemini: { systemInstruction: { parts: [{ text: "MARK" }] } },
      "bedrock-converse": { system: [{ text: "MARK" }] },
      cohere: {
        messages: [
          { role: "system", content: "MARK" },
          { role: "user", content: "hi" },
        ],
      },
    }),
    mark: /MARK/,
  },
  "a developer's text": {
    said: fields({
      "openai-chat": {
        messages: [
          { role: "developer", content: "MARK" },
          { role: "user", content: "hi" },
        ],
      },
      "openai-responses": {
        input: [
          { role: "developer", content: "MARK" },
          { role: "user", content: "hi" },
        ],
      },
    }),
    mark: /MARK/,
  },
  "a name on a message": {
    said: fields({ "openai-chat": { messages: [{ role: "user", name: "MARK", content: "hi" }] } }),
    mark: /MARK/,
  },
  "a picture": {
    said: userParts({
      "openai-chat": { type: "image_url", image_url: { url: "data:image/png;base64,MARK" } },
      "openai-responses": { type: "input_image", image_url: "data:image/png;base64,MARK", detail: "auto" },
      anthropic: png,
      gemini: { inlineData: { mimeType: "image/png", data: "MARK" } },
      "bedrock-converse": { image: { format: "png", source: { bytes: "MARK" } } },
      cohere: { type: "image_url", image_url: { url: "data:image/png;base64,MARK" } },
    }),
    mark: /MARK/,
  },
  "a picture by address": {
    said: userParts({
      "openai-chat": { type: "image_url", image_url: { url: "https://a.example/MARK.png" } },
      "openai-responses": { type: "input_image", image_url: "https://a.example/MARK.png", detail: "auto" },
      anthropic: { type: "image", source: { type: "url", url: "https://a.example/MARK.png" } },
      gemini: { fileData: { fileUri: "https://a.example/MARK.png", mimeType: "image/png" } },
      cohere: { type: "image_url", image_url: { url: "https://a.example/MARK.png" } },
    }),
    mark: /MARK/,
  },
  "a picture's detail": {
    said: userParts({
      "openai-chat": { type: "image_url", image_url: { url: "data:image/png;base64,aa", detail: "low" } },
      "openai-responses": { type: "input_image", image_url: "data:image/png;base64,aa", detail: "low" },
      gemini: { inlineData: { mimeType: "image/png", data: "aa" }, mediaResolution: { level: "MEDIA_RESOLUTION_LOW" } },
      cohere: { type: "image_url", image_url: { url: "data:image/png;base64,aa", detail: "low" } },
    }),
    mark: /"detail":"low"|MEDIA_RESOLUTION_LOW/,
  },
  "a picture by file id": {
    said: userParts({
      "openai-responses": { type: "input_image", file_id: "MARK", detail: "auto" },
      anthropic: { type: "image", source: { type: "file", file_id: "MARK" } },
    }),
    mark: /MARK/,
  },
  "a document": {
    said: userParts({
      "openai-chat": { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,MARK" } },
      "openai-responses": { type: "input_file", filename: "a.pdf", file_data: "data:application/pdf;base64,MARK" },
      anthropic: { type: "document", source: { type: "base64", media_type: "application/pdf", data: "MARK" } },
      gemini: { inlineData: { mimeType: "application/pdf", data: "MARK" } },
      "bedrock-converse": { document: { format: "pdf", name: "a", source: { bytes: "MARK" } } },
    }),
    mark: /MARK/,
  },
  "a document's name": {
    said: userParts({
      "openai-chat": { type: "file", file: { filename: "MARK.pdf", file_data: "data:application/pdf;base64,aa" } },
      "openai-responses": { type: "input_file", filename: "MARK.pdf", file_data: "data:application/pdf;base64,aa" },
      anthropic: {
        type: "document",
        title: "MARK",
        source: { type: "base64", media_type: "application/pdf", data: "aa" },
      },
      "bedrock-converse": { document: { format: "pdf", name: "MARK", source: { bytes: "aa" } } },
    }),
    mark: /MARK/,
  },
  "a document of text, and its name": {
    said: userParts({
      anthropic: { type: "document", title: "MARK", source: { type: "text", media_type: "text/plain", data: "words" } },
      cohere: { type: "document", document: { data: { title: "MARK", text: "words" } } },
      "bedrock-converse": { document: { format: "txt", name: "MARK", source: { text: "words" } } },
    }),
    mark: /MARK/,
  },
  "a document by address": {
    said: userParts({
      "openai-responses": { type: "input_file", file_url: "https://a.example/MARK.pdf" },
      anthropic: { type: "document", source: { type: "url", url: "https://a.example/MARK.pdf" } },
      gemini: { fileData: { fileUri: "https://a.example/MARK.pdf", mimeType: "application/pdf" } },
    }),
    mark: /MARK/,
  },
  "a document by address, and its name": {
    said: userParts({
      "openai-responses": { type: "input_file", filename: "MARK.pdf", file_url: "https://a.example/a.pdf" },
      anthropic: { type: "document", title: "MARK", source: { type: "url", url: "https://a.example/a.pdf" } },
    }),
    mark: /MARK/,
  },
  "a document to be cited": {
    said: userParts({
      anthropic: {
        type: "document",
        source: { type: "base64", media_type: "application/pdf", data: "aa" },
        citations: { enabled: true },
      },
      "bedrock-converse": {
        document: { format: "pdf", name: "a", source: { bytes: "aa" }, citations: { enabled: true } },
      },
    }),
    mark: /"citations":\{"enabled":true\}/,
  },
  "a document's context": {
    said: userParts({
      anthropic: {
        type: "document",
        source: { type: "base64", media_type: "application/pdf", data: "aa" },
        context: "MARK",
      },
      "bedrock-converse": { document: { format: "pdf", name: "a", source: { bytes: "aa" }, context: "MARK" } },
    }),
    mark: /MARK/,
  },
  "a list of documents": {
    said: fields({ cohere: { documents: [{ data: { text: "MARK" } }] } }),
    mark: /MARK/,
  },
  "a search result": {
    said: userParts({
      anthropic: found,
      "bedrock-converse": { searchResult: foundAtBedrock },
    }),
    mark: /"source":"S".*"title":"MARK".*"text":"t"/,
  },
  "a search result to be cited": {
    said: userParts({
      anthropic: { ...found, citations: { enabled: true } },
      "bedrock-converse": { searchResult: { ...foundAtBedrock, citations: { enabled: true } } },
    }),
    mark: /"citations":\{"enabled":true\}/,
  },
  "a cache marker on a search result": {
    said: userParts({
      anthropic: [{ ...found, cache_control: { type: "ephemeral" } }],
      "bedrock-converse": [{ searchResult: foundAtBedrock }, { cachePoint: { type: "default" } }],
    }),
    mark: /"cache_control":\{"type":"ephemeral"\}|"cachePoint"/,
  },
  "a recording": {
    said: userParts({
      "openai-chat": { type: "input_audio", input_audio: { data: "MARK", format: "wav" } },
      "openai-responses": { type: "input_audio", input_audio: { data: "MARK", format: "wav" } },
      gemini: { inlineData: { mimeType: "audio/wav", data: "MARK" } },
      "bedrock-converse": { audio: { format: "wav", source: { bytes: "MARK" } } },
    }),
    mark: /MARK/,
  },
  "a film": {
    said: userParts({
      "openai-chat": { type: "video_url", video_url: { url: "data:video/mp4;base64,MARK" } },
      gemini: { inlineData: { mimeType: "video/mp4", data: "MARK" } },
      "bedrock-converse": { video: { format: "mp4", source: { bytes: "MARK" } } },
    }),
    mark: /MARK/,
  },
};
