/** What is read of a request to Gemini below its top. */
import { isObject, type Shape } from "../../json.ts";
import { type Fields, fields } from "../unread.ts";
import { camelCase, field } from "./names.ts";

function spelled(names: string, inner: Fields["inner"] = {}): Fields {
  return fields(names, inner, camelCase);
}

const words = spelled("text thought thoughtSignature");
const call = spelled("functionCall thoughtSignature", { functionCall: spelled("id name args") });
const response = spelled("functionResponse thoughtSignature", {
  functionResponse: spelled("id name response parts", { parts: part }),
});
const picture = spelled("inlineData fileData thoughtSignature");

/** Other files keep their further fields beside them, and a part that has no counterpart is kept whole. */
function part(value: Shape): Fields | undefined {
  if (typeof value["text"] === "string") return words;
  if (isObject(field(value, "functionCall"))) return call;
  if (isObject(field(value, "functionResponse"))) return response;
  const media = field(value, "inlineData") ?? field(value, "fileData");
  return isObject(media) && String(field(media, "mimeType")).startsWith("image/") ? picture : undefined;
}

const content = spelled("role parts", { parts: part });

export const readFields = {
  systemInstruction: content,
  contents: content,
  toolConfig: spelled("functionCallingConfig retrievalConfig includeServerSideToolInvocations", {
    functionCallingConfig: spelled("mode allowedFunctionNames"),
  }),
  generationConfig: (value: Shape) => configOf(camelCase(value)),
};

/** The rest of it is kept by its names. */
function configOf(config: Shape): Fields {
  return spelled(Object.keys(config).join(" "), {
    thinkingConfig: spelled("thinkingLevel thinkingBudget includeThoughts"),
  });
}
