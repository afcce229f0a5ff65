/** `litellm_params` of a deployment → the provider it is reached through, and the model's name there. Hides LiteLLM's prefixes. */
import { hosts } from "../../providers/hosts.ts";
import type { Path } from "../config/problems.ts";
import { type AccountSpec, isBuiltIn } from "./accounts.ts";
import { entriesOf, lookUp, textOf } from "./draft.ts";
import type { Environment } from "./foreign.ts";
import { type Report, variableOf } from "./report.ts";

export type Params = Readonly<Record<string, unknown>>;

/** LiteLLM's words for hosts that are called otherwise here. */
export const renamed: Readonly<Record<string, string>> = {
  together_ai: "together",
  fireworks_ai: "fireworks",
  vertex_ai: "vertex",
  vertex_ai_beta: "vertex",
  cohere_chat: "cohere",
  nvidia_nim: "nvidia",
  hosted_vllm: "vllm",
  ollama_chat: "ollama",
  lm_studio: "lmstudio",
  bedrock_converse: "bedrock",
  meta_llama: "meta-llama",
  jina_ai: "jina",
  "text-completion-openai": "openai",
  "text-completion-codestral": "codestral",
};

/** Servers of one's own that speak OpenAI's chat completions. */
const ownServers = new Set(["openai", "openai_like", "custom_openai", "litellm_proxy", "azure_ai", "xinference"]);

/** Where LiteLLM adds the version to the address itself. */
const versionAfter: Readonly<Record<string, string>> = { anthropic: "/v1", ollama: "/v1", cohere: "/v2" };

/** Parts of a model's name that say how it is called, not what it is. */
const manners = /^(?:chat_completions|responses|converse|invoke|converse_like|[a-z]{2}(?:-[a-z]+)+-\d)\//;

/** Names without a prefix that LiteLLM knows the maker of. */
const makers: readonly (readonly [RegExp, string])[] = [
  [/^(gpt-|o\d|chatgpt-|text-embedding-|dall-e|whisper|tts-|ft:|omni-|davinci|babbage|computer-use)/, "openai"],
  [/^claude/, "anthropic"],
  [/^(gemini|imagen|veo)/, "vertex"],
  [/^(command|embed-|rerank-)/, "cohere"],
  [/^mistral|^codestral|^ministral/, "mistral"],
];

export type Place = { readonly spec: AccountSpec; readonly model: string; readonly wildcard: boolean };

/** Undefined: it cannot be told where the model lives, and the report says so. */
export function placeOf(params: Params, path: Path, report: Report, environment: Environment): Place | undefined {
  const written = textOf(params["model"]);
  if (written === undefined) {
    report.dropped(path, "names no model");
    return undefined;
  }
  const { prefix, rest } = split(written, textOf(params["custom_llm_provider"]));
  const base = addressOf(params, path, report, environment);
  const host = hostOf(prefix, base);
  if (host === undefined && base === undefined) {
    const why =
      prefix === undefined ? "its provider cannot be told from its name" : `"${prefix}" is no known host here`;
    report.dropped([...path, "model"], `${why}, and no api_base says where it lives`);
    return undefined;
  }
  if (host === undefined && prefix !== undefined && !ownServers.has(prefix))
    report.approximated(
      [...path, "model"],
      `"${prefix}" is no known host here: called as a server that speaks openai-chat`,
    );
  const name = host ?? new URL(base!).host.replace(":", "-");
  const model = rest.replace(manners, "");
  if (model !== rest)
    report.approximated([...path, "model"], `the way of calling in "${written}" is chosen here by itself`);
  return {
    spec: { host, name, entry: entryOf(params, host, base, name, path, report) },
    model,
    wildcard: model.includes("*"),
  };
}

function split(written: string, provider: string | undefined): { prefix: string | undefined; rest: string } {
  const slash = written.indexOf("/");
  const first = slash < 0 ? undefined : written.slice(0, slash);
  if (provider !== undefined)
    return { prefix: provider, rest: first === provider ? written.slice(slash + 1) : written };
  if (first !== undefined) return { prefix: first, rest: written.slice(slash + 1) };
  return { prefix: makers.find(([pattern]) => pattern.test(written))?.[1], rest: written };
}

function hostOf(prefix: string | undefined, base: string | undefined): string | undefined {
  if (prefix === undefined) return undefined;
  const name = lookUp(renamed, prefix) ?? prefix;
  const row = Object.hasOwn(hosts, name) ? hosts[name] : undefined;
  if (row === undefined || name === "custom" || isBuiltIn(name)) return undefined;
  // An OpenAI address elsewhere is another server that speaks like it.
  if (base !== undefined && ownServers.has(name) && new URL(base).host !== new URL(row.baseUrl).host) return undefined;
  return name;
}

/** Addresses are no secrets here: one in a variable is read now, while it can be. */
function addressOf(params: Params, path: Path, report: Report, environment: Environment): string | undefined {
  const key = params["api_base"] === undefined ? "base_url" : "api_base";
  const written = textOf(params[key]);
  if (written === undefined) return undefined;
  const variable = variableOf(written);
  const found = variable === undefined ? written : environment[variable];
  if (found !== undefined && URL.canParse(found) && /^https?:/.test(found)) {
    const url = new URL(found);
    if (url.username !== "" || url.password !== "")
      report.dropped([...path, key], "a password in the address is not copied: give it as a header");
    if (variable !== undefined)
      report.approximated([...path, key], `an address stands in the config itself: that of ${variable}`);
    return `${url.origin}${url.pathname}`.replace(/\/+$/, "");
  }
  const hole = `https://${(variable ?? "address").toLowerCase().replaceAll("_", "-")}.invalid`;
  const why = variable === undefined ? "is no http address" : `stands in ${variable}, which is not set here`;
  report.dropped([...path, key], `${why}: write the address in place of ${hole}`);
  return hole;
}

function entryOf(
  params: Params,
  host: string | undefined,
  base: string | undefined,
  name: string,
  path: Path,
  report: Report,
): Record<string, unknown> {
  const key = textOf(params["api_key"]);
  const suffix = host === undefined ? "" : (lookUp(versionAfter, host) ?? "");
  const local = key !== undefined && /^(none|null|empty|not-needed|dummy|sk-no-key.*)$/i.test(key);
  return {
    ...(base === undefined ? {} : { base_url: base.endsWith(suffix) ? base : `${base}${suffix}` }),
    ...(key === undefined || local ? {} : { api_key: report.secret(key, [...path, "api_key"], `${name}_API_KEY`) }),
    ...headersOf(params, path, report, name),
    ...cloudOf(params, host, path, report, name),
    ...(params["drop_params"] === false ? { strict: true } : {}),
  };
}

export const secretHeader = /auth|key|token|secret|cookie|password/i;

function headersOf(params: Params, path: Path, report: Report, name: string): Record<string, unknown> {
  const headers: Record<string, string> = {};
  for (const { key, value, path: at } of entriesOf(params["extra_headers"], [...path, "extra_headers"])) {
    const text = textOf(value);
    if (text === undefined) continue;
    const hidden = secretHeader.test(key) || variableOf(text) !== undefined;
    headers[key] = hidden ? report.secret(text, at, `${name}_${key}`) : text;
  }
  const organization = textOf(params["organization"]);
  if (organization !== undefined) {
    const variable = variableOf(organization);
    headers["openai-organization"] = variable === undefined ? organization : `env.${variable}`;
  }
  return Object.keys(headers).length === 0 ? {} : { headers };
}

/** LiteLLM's setting, ours, and whether it is a secret. */
const cloudFields: readonly (readonly [string, "aws" | "google" | "azure", string, boolean])[] = [
  ["aws_region_name", "aws", "region", false],
  ["aws_access_key_id", "aws", "access_key_id", true],
  ["aws_secret_access_key", "aws", "secret_access_key", true],
  ["aws_session_token", "aws", "session_token", true],
  ["aws_profile_name", "aws", "profile", false],
  ["aws_role_name", "aws", "role_arn", false],
  ["aws_session_name", "aws", "session_name", false],
  ["aws_external_id", "aws", "external_id", false],
  ["vertex_project", "google", "project", false],
  ["vertex_location", "google", "location", false],
  ["vertex_credentials", "google", "credentials_file", false],
  ["api_version", "azure", "api_version", false],
  ["tenant_id", "azure", "tenant_id", false],
  ["client_id", "azure", "client_id", false],
  ["client_secret", "azure", "client_secret", true],
];
export const cloudKeys: readonly string[] = cloudFields.map(([theirs]) => theirs);
const cloudOfIdentity: Readonly<Record<string, string>> = { aws: "aws", google: "google", entra: "azure" };

function cloudOf(
  params: Params,
  host: string | undefined,
  path: Path,
  report: Report,
  name: string,
): Record<string, unknown> {
  const clouds: Record<string, Record<string, string>> = {};
  const own = cloudOfIdentity[(host === undefined ? undefined : hosts[host]?.identity) ?? ""];
  for (const [theirs, cloud, ours, secret] of cloudFields) {
    const text = textOf(params[theirs]);
    if (text === undefined || cloud !== own) continue;
    const at = [...path, theirs];
    const variable = variableOf(text);
    let value: string | undefined = text;
    if (secret) value = report.secret(text, at, `${name}_${ours}`);
    else if (variable !== undefined || text.trimStart().startsWith("{")) {
      const usual = variable === undefined ? "a file" : variable;
      report.dropped(
        at,
        `stands in ${usual}: write it out as ${cloud}.${ours}, or leave it to the cloud's own variables`,
      );
      value = undefined;
    }
    if (value !== undefined) clouds[cloud] = { ...clouds[cloud], [ours]: value };
  }
  return clouds;
}
