/** What `serve` says when it serves: where, with what, and on a fresh home the first key, this once. */
import type { Served } from "../daemon/admin/contract/calling.ts";
import { bold } from "./render.ts";
import { curlLine, exampleModel } from "./render-curl.ts";
import type { Terminal } from "./terminal.ts";
import { plain } from "./text.ts";
import { version } from "./version.ts";

export function renderServed(served: Omit<Served, "ended">, { hasColor }: Pick<Terminal, "hasColor">): string {
  const strong = hasColor ? bold : (text: string) => text;
  const lines = [
    strong(`bifrost ${version} listening on ${served.url}`),
    `home       ${plain(served.home)}`,
    `config     ${served.configPath === undefined ? "none: providers come from the environment" : plain(served.configPath)}`,
    `providers  ${served.providers.map(plain).join(", ")}`,
  ];
  if (served.firstKey !== undefined) {
    const { name, secret } = served.firstKey;
    lines.push(
      "",
      `A key was made for you, "${plain(name)}": $5 a day on real providers, free on echo. It is shown this once:`,
      "",
      `  ${strong(secret)}`,
      "",
      "Try it:",
      "",
      `  ${curlLine(served.url, secret, exampleModel(["*"]))}`,
      "",
      "More keys: bifrost keys create --name <name> --budget 10/1d",
    );
  }
  return `${lines.join("\n")}\n`;
}
