/** A request to try things with: one line that works when pasted into a shell. */

/** Always there, needs no provider's key, costs nothing. */
const echoModel = "echo/echo";

export function curlLine(url: string, secret: string, model: string): string {
  const body = JSON.stringify({ model, messages: [{ role: "user", content: "Hello" }] });
  return [
    "curl",
    `${url}/v1/chat/completions`,
    `-H 'Authorization: Bearer ${secret}'`,
    "-H 'Content-Type: application/json'",
    `-d ${quote(body)}`,
  ].join(" ");
}

/** The echo model if the key may call it, else the first that is named in full. */
export function exampleModel(allowed: readonly string[]): string {
  const matches = (pattern: string) =>
    pattern.endsWith("*") ? echoModel.startsWith(pattern.slice(0, -1)) : pattern === echoModel || pattern === "echo";
  if (allowed.some(matches)) return echoModel;
  return allowed.find((pattern) => !pattern.endsWith("*")) ?? echoModel;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
