/** The rule engine, loaded with the first config that has rules. Hides that it is a library of some weight. */
import type { GenerationData } from "../config/generation.ts";
import type { Condition } from "./rule-engine.ts";

export type Compile = (when: string) => Condition;

export async function loadCompiler({ routing }: Pick<GenerationData, "routing">): Promise<Compile | undefined> {
  if (!routing.rules.some(({ when }) => when !== "")) return undefined;
  return (await import("./rule-engine.ts")).compileCondition;
}
