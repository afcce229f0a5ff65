/** The shape of a request without its words: parameters, roles, sizes, names of tools. */

/** Parameters that are numbers, flags or short names; others are left out, since they may hold words. */
const parameterCharactersMax = 64;
const messagesMax = 500;
const toolsMax = 200;

export function describeRequest(text: string | null, truncated: boolean): string | null {
  if (text === null) return null;
  const described = { request_characters: text.length, ...(truncated ? { truncated } : shapeOf(text)) };
  return JSON.stringify(described);
}

function shapeOf(text: string): object {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return {};
  }
  if (!isRecord(body)) return {};
  const list = (name: string): readonly unknown[] => (Array.isArray(body[name]) ? (body[name] as unknown[]) : []);
  const messages = ["messages", "input", "contents"].flatMap(list).slice(0, messagesMax);
  const tools = list("tools").slice(0, toolsMax);
  return {
    parameters: parametersOf(body),
    ...(messages.length === 0 ? {} : { messages: messages.map(messageShape) }),
    ...(tools.length === 0 ? {} : { tools: tools.flatMap(toolNames) }),
  };
}

function parametersOf(body: Readonly<Record<string, unknown>>): object {
  const plain = ([name, value]: [string, unknown]): boolean =>
    typeof value === "number" ||
    typeof value === "boolean" ||
    (typeof value === "string" && ["model", "service_tier", "reasoning_effort", "tool_choice"].includes(name));
  return Object.fromEntries(
    Object.entries(body)
      .filter(plain)
      .map(([name, value]) => [name, typeof value === "string" ? value.slice(0, parameterCharactersMax) : value]),
  );
}

function messageShape(message: unknown): object {
  if (!isRecord(message)) return { characters: JSON.stringify(message)?.length ?? 0 };
  const content = message["content"] ?? message["parts"];
  const kinds = Array.isArray(content)
    ? content.map((part) => (isRecord(part) ? String(part["type"] ?? Object.keys(part)[0] ?? "") : typeof part))
    : undefined;
  return {
    role: String(message["role"] ?? message["type"] ?? "").slice(0, parameterCharactersMax),
    characters: JSON.stringify(content ?? "").length,
    ...(kinds === undefined ? {} : { parts: kinds.map((kind) => kind.slice(0, parameterCharactersMax)) }),
  };
}

function toolNames(tool: unknown): readonly string[] {
  if (!isRecord(tool)) return [];
  const declared = tool["functionDeclarations"];
  if (Array.isArray(declared)) return declared.flatMap(toolNames);
  const inner = isRecord(tool["function"]) ? tool["function"]["name"] : undefined;
  const name = tool["name"] ?? inner ?? tool["type"];
  return typeof name === "string" ? [name.slice(0, parameterCharactersMax)] : [];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
