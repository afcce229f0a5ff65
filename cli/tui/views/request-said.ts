/** What was said in a request, as far as the config keeps it: headers and bodies, masked by the daemon. Hides folding. */
import type { LogContent } from "../../../daemon/admin/contract/logs.ts";
import { fold, plain } from "../../text.ts";
import { type Line, line, span } from "../draw/line.ts";
import { properties } from "../draw/table.ts";

export function saidLines(content: LogContent | null, width: number): readonly Line[] {
  if (content === null || content.level === "off")
    return [line("  ", span("Not kept: record.content says what is (docs/config.md).", "dim"))];
  const part = (title: string, text: string | null): readonly Line[] =>
    text === null
      ? []
      : [
          [span(` ${title}`, "accent")],
          ...pretty(text)
            .flatMap((each) => fold(plain(each), width - 4))
            .map((each): Line => [span(`   ${each}`)]),
        ];
  return [
    ...headers("request headers", content.headers?.request, width),
    ...headers("answer headers", content.headers?.response, width),
    ...part("metadata", content.metadata === null ? null : JSON.stringify(content.metadata)),
    ...part("request", content.request),
    ...part("answer", content.response),
    ...(content.truncated ? [line("  ", span("cut at record.content_max", "warn"))] : []),
    ...(content.problem === null
      ? []
      : fold(plain(content.problem), width - 4).map((each): Line => [span(`  ${each}`, "bad")])),
    ...(content.object === null ? [] : [line("  ", span(`kept in ${content.object}`, "dim"))]),
  ];
}

function pretty(text: string): readonly string[] {
  try {
    return JSON.stringify(JSON.parse(text), null, 2).split("\n");
  } catch {
    return text.split(/\r?\n/);
  }
}

function headers(title: string, found: Readonly<Record<string, string>> | undefined, width: number): readonly Line[] {
  const pairs = Object.entries(found ?? {});
  if (pairs.length === 0) return [];
  const widest = Math.max(...pairs.map(([name]) => name.length));
  const lines = pairs.flatMap(([name, value]) =>
    fold(plain(value), Math.max(valueMin, width - widest - 5)).map((text, index) => [
      index === 0 ? name : "",
      [span(text, value === maskedValue ? "dim" : "plain")] as Line,
    ]),
  ) as (readonly [string, Line])[];
  return [[span(` ${title}`, "accent")], ...properties(lines).map((each): Line => [["  ", "plain"], ...each])];
}

/** As the daemon puts it in the place of what may be a secret. */
const maskedValue = "[masked]";
const valueMin = 20;
