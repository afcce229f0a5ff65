/** Loads a text as `c.yaml`. */
import { type LoadOptions, type LoadResult, loadConfig } from "../../../daemon/config/load.ts";
import { renderProblem } from "../../../daemon/config/problems.ts";

export const environment = { OPENAI_API_KEY: "sk-from-the-environment", BREAK: "two\nlines", EMPTY: "" };

export function load(text: string, more: Partial<LoadOptions> = {}): Promise<LoadResult> {
  return loadConfig({ text, path: "c.yaml", environment, number: 7, now: 0, ...more });
}

/** Every problem as a person reads it. */
export async function problems(text: string, more: Partial<LoadOptions> = {}): Promise<readonly string[]> {
  const result = await load(text, more);
  return result.ok ? [] : result.problems.map(renderProblem);
}
