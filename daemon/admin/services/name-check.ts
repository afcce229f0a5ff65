/**
 * Names of the config in what is asked of keys, owners and limits. Hides which of them are refused, because nothing
 * could ever come of them, and which are only warned of, because a list may be written before its provider is.
 */
import { GatewayError } from "../../../providers/gateway-error.ts";
import {
  credentialFault,
  entryFault,
  type KnownNames,
  type NameFault,
  providerFault,
} from "../../config/known-names.ts";
import type { ProviderConfigRequest } from "../contract/keys.ts";

type Lists = {
  readonly models?: readonly string[] | null | undefined;
  readonly blocked?: readonly string[] | null | undefined;
};
export type NamingRequest = Lists & {
  readonly model?: string | undefined;
  readonly provider?: string | undefined;
  readonly providers?: readonly ProviderConfigRequest[] | null | undefined;
};

export type Warned = { readonly warnings?: readonly string[] };

/**
 * @param known undefined: no config is at hand, and nothing is checked
 * @param kept providers that a key has already: they stay when their provider has gone from the config
 */
export function checkNames(
  request: NamingRequest,
  known: KnownNames | undefined,
  kept: readonly string[] = [],
): Warned {
  if (known === undefined) return {};
  const { provider, model } = request;
  if (provider !== undefined && provider !== "*") refuse("provider", providerFault(provider, known));
  const warnings = [
    ...warningsOf(request, "", known),
    ...(model === undefined ? [] : said("model", entryFault(model, known))),
  ];
  for (const [index, config] of (request.providers ?? []).entries()) {
    const at = `providers[${index}]`;
    if (kept.includes(config.provider)) continue;
    refuse(`${at}.provider`, providerFault(config.provider, known));
    for (const credential of config.credentials ?? [])
      refuse(`${at}.credentials`, credentialFault(config.provider, credential, known));
    warnings.push(...warningsOf(config, `${at}.`, known, config.provider));
  }
  return warnings.length === 0 ? {} : { warnings };
}

/** @param provider whose models alone these are */
function warningsOf(lists: Lists, at: string, known: KnownNames, provider?: string): readonly string[] {
  return (["models", "blocked"] as const).flatMap((name) =>
    (lists[name] ?? []).flatMap((entry) => {
      const slash = entry.indexOf("/");
      const other = provider !== undefined && slash > 0 && !entry.startsWith(`${provider}/`);
      if (!other || entry.startsWith("regex:")) return said(`${at}${name}`, entryFault(entry, known));
      return said(`${at}${name}`, {
        message: `"${entry}" names no model of ${provider}`,
        suggestion: `${provider}/${entry}`,
      });
    }),
  );
}

function said(param: string, fault: NameFault | undefined): readonly string[] {
  return fault === undefined ? [] : [`"${param}": ${textOf(fault)}`];
}

function refuse(param: string, fault: NameFault | undefined): void {
  if (fault !== undefined) throw new GatewayError("invalid_request", `"${param}": ${textOf(fault)}`, { param });
}

function textOf({ message, suggestion }: NameFault): string {
  return suggestion === undefined ? message : `${message} (did you mean "${suggestion}"?)`;
}
