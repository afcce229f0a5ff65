/** A Portkey target's provider, key and address. Hides that a virtual key is a name for what Portkey keeps. */
import { hosts } from "../../providers/hosts.ts";
import type { Path } from "../config/problems.ts";
import { type AccountSpec, isBuiltIn } from "./accounts.ts";
import { lookUp, textOf } from "./draft.ts";
import { type Report, variableOf } from "./report.ts";

type Values = Readonly<Record<string, unknown>>;
type Place = {
  readonly account: AccountSpec;
  readonly model?: string | undefined;
  readonly deployment?: string | undefined;
};

const renamed: Readonly<Record<string, string>> = {
  "azure-openai": "azure",
  google: "gemini",
  "vertex-ai": "vertex",
  "together-ai": "together",
  "fireworks-ai": "fireworks",
  "mistral-ai": "mistral",
  "perplexity-ai": "perplexity",
  "x-ai": "xai",
};

export function portkeyAccount(settings: Values, path: Path, report: Report): Place | undefined {
  const written = textOf(settings["provider"]);
  const virtual =
    textOf(settings["virtual_key"]) ?? (written?.startsWith("@") ? written.slice(1).split("/")[0] : undefined);
  const named = written?.startsWith("@") ? undefined : written;
  const host = hostOf(named) ?? hostNamedBy(virtual);
  const address = textOf(settings["custom_host"]);
  if (host === undefined && address === undefined) {
    const what =
      virtual === undefined
        ? "names no provider that is known here"
        : `which provider is behind "${virtual}" only Portkey knows`;
    report.dropped(path, `${what}: write it under providers`);
    return undefined;
  }
  if (named === undefined && host !== undefined)
    report.approximated(path, `"${virtual}" is taken for a key of ${host}, by its name`);
  const base = addressOf(address, path, report);
  const name = virtual ?? host ?? new URL(base!).host.replace(":", "-");
  const key = textOf(settings["api_key"]);
  const stored = key === undefined && virtual !== undefined;
  if (stored) report.approximated(path, `the key of "${virtual}" stays at Portkey: set ${variableFor(virtual)}`);
  return {
    account: {
      host,
      name,
      entry: {
        ...(base === undefined ? {} : { base_url: base }),
        ...(key === undefined ? {} : { api_key: report.secret(key, [...path, "api_key"], `${name}_API_KEY`) }),
        ...(stored ? { api_key: report.secret(`env.${variableFor(virtual)}`, path, "") } : {}),
        ...cloudOf(settings, host, path, report, name),
      },
    },
    deployment: textOf(settings["azure_deployment_id"]) ?? textOf(settings["deployment_id"]),
    model: textOf(settings["azure_model_name"]),
  };
}

function variableFor(virtual: string): string {
  const name = `${virtual.toUpperCase().replace(/[^A-Z0-9]+/g, "_")}_API_KEY`;
  return /^[A-Z_]/.test(name) ? name : `KEY_${name}`;
}

function hostOf(provider: string | undefined): string | undefined {
  if (provider === undefined) return undefined;
  const name = lookUp(renamed, provider) ?? provider;
  return Object.hasOwn(hosts, name) && !isBuiltIn(name) && name !== "custom" ? name : undefined;
}

/** `openai-prod-4711`: people name their keys after what they are for. */
function hostNamedBy(virtual: string | undefined): string | undefined {
  if (virtual === undefined) return undefined;
  const parts = virtual.toLowerCase().split(/[-_]/);
  for (let count = parts.length; count > 0; count -= 1) {
    const host = hostOf(parts.slice(0, count).join("-"));
    if (host !== undefined) return host;
  }
  return undefined;
}

function addressOf(written: string | undefined, path: Path, report: Report): string | undefined {
  if (written === undefined) return undefined;
  if (variableOf(written) === undefined && URL.canParse(written) && /^https?:/.test(written)) {
    const url = new URL(written);
    return `${url.origin}${url.pathname}`.replace(/\/+$/, "");
  }
  const hole = "https://address.invalid";
  report.dropped([...path, "custom_host"], `is no http address: write it in place of ${hole}`);
  return hole;
}

/** Portkey's setting, whose cloud it is, ours, and whether it is a secret. */
const fields: readonly (readonly [string, string, string, string, boolean])[] = [
  ["azure_resource_name", "entra", "azure", "resource", false],
  ["azure_api_version", "entra", "azure", "api_version", false],
  ["aws_region", "aws", "aws", "region", false],
  ["aws_access_key_id", "aws", "aws", "access_key_id", true],
  ["aws_secret_access_key", "aws", "aws", "secret_access_key", true],
  ["aws_session_token", "aws", "aws", "session_token", true],
  ["vertex_project_id", "google", "google", "project", false],
  ["vertex_region", "google", "google", "location", false],
];

function cloudOf(settings: Values, host: string | undefined, path: Path, report: Report, name: string): Values {
  const clouds: Record<string, Record<string, string>> = {};
  const identity = host === undefined ? undefined : hosts[host]?.identity;
  for (const [theirs, whose, cloud, ours, secret] of fields) {
    const text = textOf(settings[theirs]);
    if (text === undefined || whose !== identity) continue;
    clouds[cloud] = {
      ...clouds[cloud],
      [ours]: secret ? report.secret(text, [...path, theirs], `${name}_${ours}`) : text,
    };
  }
  return clouds;
}
