/** Names that keys, owners and limits refer to: providers, their credentials, models. Hides what a list of models can name. */
import { isPattern } from "../governance/model-patterns.ts";
import type { GenerationData } from "./generation.ts";
import { nearest } from "./problems.ts";

export type KnownNames = {
  readonly providers: readonly {
    readonly name: string;
    readonly models: readonly string[];
    readonly credentials: readonly { readonly id: string }[];
  }[];
  /** Names of the config's own that stand for models. */
  readonly standIns: ReadonlySet<string>;
};

/** What is wrong with a name, and what may have been meant. */
export type NameFault = { readonly message: string; readonly suggestion?: string | undefined };

export function namesOf({ providers, aliases, routing }: GenerationData): KnownNames {
  return { providers, standIns: new Set([...Object.keys(aliases), ...Object.keys(routing.groups)]) };
}

export function providerFault(provider: string, { providers }: KnownNames): NameFault | undefined {
  const names = providers.map(({ name }) => name);
  if (names.includes(provider)) return undefined;
  const suggestion = nearest(provider, names);
  return { message: `no provider is called "${provider}"`, ...(suggestion === undefined ? {} : { suggestion }) };
}

/** `*` is all of them. A provider that nobody has heard of is another fault. */
export function credentialFault(provider: string, credential: string, known: KnownNames): NameFault | undefined {
  const found = known.providers.find(({ name }) => name === provider);
  const names = found?.credentials.map(({ id }) => id) ?? [];
  if (credential === "*" || found === undefined || names.includes(credential)) return undefined;
  const suggestion = nearest(credential, names);
  return {
    message: `provider ${provider} has no key of the name "${credential}"`,
    ...(suggestion === undefined ? {} : { suggestion }),
  };
}

/**
 * Why an entry of a list of models names nothing now. A bare name may be a model that no config lists, so nothing is
 * said of it.
 */
export function entryFault(entry: string, known: KnownNames): NameFault | undefined {
  if (entry === "*" || isPattern(entry)) return undefined;
  const slash = entry.indexOf("/");
  if (slash > 0) {
    const fault = providerFault(entry.slice(0, slash), known);
    if (fault === undefined) return undefined;
    const { suggestion } = fault;
    const meant = suggestion === undefined ? undefined : `${suggestion}${entry.slice(slash)}`;
    return {
      message: `"${entry}" names no model: ${fault.message}`,
      ...(meant === undefined ? {} : { suggestion: meant }),
    };
  }
  if (!known.standIns.has(entry) || known.providers.some(({ models }) => models.includes(entry))) return undefined;
  return { message: `"${entry}" is a name of the config's own: a list names the models that it stands for` };
}
