/** Expressions in lists of models, checked before they are stored. Hides where in a command such lists stand. */
import { GatewayError } from "../../../providers/gateway-error.ts";
import { isPattern, loadPatterns, mentionsPattern, patternFault } from "../../governance/model-patterns.ts";
import type { Command } from "../../store/commands/command.ts";

type Lists = { readonly models?: readonly string[] | undefined; readonly blocked?: readonly string[] | undefined };

/** Whether it holds any. Throws where one is not understood. */
export async function checkPatterns(command: Command): Promise<boolean> {
  if (!mentionsPattern(command)) return false;
  await loadPatterns();
  for (const each of command.kind === "create_keys" ? command.keys : [command]) checkLists(each as Holder);
  return true;
}

type Holder = {
  readonly policy?: Lists;
  readonly providers?: readonly Lists[] | null;
  readonly attributes?: Lists & { readonly match?: { readonly model: string } };
};

function checkLists({ policy, providers, attributes }: Holder): void {
  for (const lists of [policy, ...(providers ?? []), attributes]) {
    check("models", lists?.models);
    check("blocked", lists?.blocked);
  }
  if (attributes?.match !== undefined) check("model", [attributes.match.model]);
}

function check(param: string, list: readonly string[] | undefined): void {
  for (const entry of list ?? []) {
    const fault = isPattern(entry) ? patternFault(entry) : undefined;
    if (fault !== undefined) throw new GatewayError("invalid_request", `"${param}": "${entry}" ${fault}`, { param });
  }
}
