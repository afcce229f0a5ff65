/** Every SDK of the table, current and previous, and the table as people read it. */
import { agentsDrivers } from "./agents.ts";
import { aiDrivers } from "./ai.ts";
import { anthropicDrivers } from "./anthropic.ts";
import { awsDrivers } from "./aws.ts";
import { cohereDrivers } from "./cohere.ts";
import { cases, type Driver } from "./driver.ts";
import { googleDrivers } from "./google.ts";
import { langchainDrivers } from "./langchain.ts";
import { openaiDrivers } from "./openai.ts";

export const drivers: readonly Driver[] = [
  ...openaiDrivers,
  ...anthropicDrivers,
  ...googleDrivers,
  ...awsDrivers,
  ...cohereDrivers,
  ...aiDrivers,
  ...langchainDrivers,
  ...agentsDrivers,
];

/** Markdown: a line an SDK, a column a case; what is not played has its reason below. */
export function sdkTable(): string {
  const reasons: string[] = [];
  const lines = [...names()].map(([name, versions]) => {
    const cells = cases.map((one) => {
      const without = versions.flatMap((driver) => {
        const reason = driver.without?.[one];
        return reason === undefined ? [] : [{ reason, version: driver.version }];
      });
      if (without.length === 0) return "yes";
      for (const { reason, version } of without) reasons.push(`${name} ${version}, ${one}: ${reason}`);
      return without.length === versions.length ? "no" : `not ${without.map(({ version }) => version).join()}`;
    });
    return `| ${name} | ${versions.map(({ version }) => version).join(", ")} | ${cells.join(" | ")} |`;
  });
  const head = `| SDK | versions | ${cases.join(" | ")} |\n|---|---|${"---|".repeat(cases.length)}`;
  const notes = reasons.length === 0 ? "" : `\n\n${reasons.map((reason) => `- ${reason}`).join("\n")}`;
  return `${head}\n${lines.join("\n")}${notes}`;
}

function names(): ReadonlyMap<string, readonly Driver[]> {
  return Map.groupBy(drivers, ({ name }) => name);
}
