/** Bifrost-Go's `providers` → ours. Hides that addresses and clouds are said key by key there, and once a provider here. */
import { hosts } from "../../providers/hosts.ts";
import type { Path } from "../config/problems.ts";
import {
  type Draft,
  entriesOf,
  isOn,
  listOf,
  lookUp,
  numberOf,
  recordOf,
  secondsOf,
  textOf,
  textsOf,
  wholeOf,
} from "./draft.ts";
import { secretHeader } from "./litellm-account.ts";
import { type Report, variableOf } from "./report.ts";

type Values = Readonly<Record<string, unknown>>;
type Key = { readonly values: Values; readonly path: Path };

const renamed: Readonly<Record<string, string>> = {
  sgl: "sglang",
  github_copilot: "github-copilot",
  "opencode-go": "opencode",
};
const dialects: Readonly<Record<string, string>> = {
  openai: "openai-chat",
  huggingface: "openai-chat",
  anthropic: "anthropic",
  gemini: "gemini",
  bedrock: "bedrock-converse",
  cohere: "cohere",
};

/** A provider that there is now, and which of its keys are meant by what: an id or a name there, a name here. */
export type MadeProvider = {
  readonly names: ReadonlyMap<string, string>;
  /** Without keys of its own: how those are called there that the one account is of. */
  readonly account: ReadonlySet<string>;
  /** What none of its keys may serve, and where that is said. */
  readonly blocked: { readonly models: readonly string[]; readonly at: readonly Path[] };
};

/** By name. */
export function importProviders(
  value: unknown,
  emptyIsAll: boolean,
  draft: Draft,
  report: Report,
): ReadonlyMap<string, MadeProvider> {
  const made = new Map<string, MadeProvider>();
  for (const { key: name, value: settings, path } of entriesOf(value, ["providers"])) {
    const values = recordOf(settings);
    const host = lookUp(renamed, name) ?? name;
    const known = Object.hasOwn(hosts, host) && !host.startsWith("echo") && host !== "custom";
    const custom = recordOf(values["custom_provider_config"]);
    const network = recordOf(values["network_config"]);
    const keys = keysOf(values, emptyIsAll, path, report);
    if (keys.length === 0 && listOf(values["keys"]).length > 0) {
      report.kept(path, "has no key that may serve, and is left out");
      continue;
    }
    const written = textOf(network["base_url"]) ?? addressOf(keys, report);
    const address = written && withVersion(written, known ? host : textOf(custom["base_provider_type"]));
    if (
      !/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name) ||
      name.startsWith("echo") ||
      (!known && address === undefined)
    ) {
      report.dropped(
        path,
        known
          ? "is no name that a provider can have"
          : `"${name}" is no known host, and no base_url says where it lives`,
      );
      continue;
    }
    const dialect = dialects[textOf(custom["base_provider_type"]) ?? ""];
    const pairs = keys.flatMap((key, index) =>
      credentialOf(key, name, index, report).map((credential) => ({ key, credential })),
    );
    const credentials = pairs.map(({ credential }) => credential);
    const [usual] = known && address === undefined && credentials.length === 0 ? hosts[host]!.environment : [];
    if (usual !== undefined && hosts[host]!.identity === undefined) report.needs(usual, path);
    draft.set(["providers", name], {
      ...(known && host !== name ? { host } : {}),
      ...(address === undefined ? {} : { base_url: address }),
      ...(dialect === undefined || known ? {} : { dialect }),
      ...(credentials.length === 0 ? {} : { keys: credentials }),
      ...modelsOf(keys, emptyIsAll, report),
      ...cloudOf(keys, name, report),
      ...networkOf(network, values, name, path, report),
    });
    reportCustom(custom, path, report);
    const [first] = credentials.length === 0 ? keys : [];
    made.set(name, {
      names: new Map(pairs.flatMap(({ key, credential }) => calledBy(key).map((each) => [each, credential.name]))),
      account: new Set(first === undefined ? [] : calledBy(first)),
      blocked: blockedBy(keys, report),
    });
    reportRest(values, network, keys, path, report);
    report.kept(path, `a provider with ${credentials.length} ${credentials.length === 1 ? "key" : "keys"}`);
  }
  return made;
}

/** There the version is a part of each path, here it is one of the address. */
function withVersion(written: string, host: string | undefined): string {
  const address = written.replace(/\/+$/, "");
  const [version = ""] = /\/v\d+$/.exec(lookUp(hosts, host ?? "")?.baseUrl ?? "") ?? [];
  return /\/v\d+\w*$/.test(address) ? address : `${address}${version}`;
}

function calledBy({ values }: Key): readonly string[] {
  return [...textsOf(values["id"]), ...textsOf(values["key_id"]), ...textsOf(values["name"])];
}

/** Those in use: one that is off, or may serve no model, is left out. */
function keysOf(values: Values, emptyIsAll: boolean, path: Path, report: Report): readonly Key[] {
  return listOf(values["keys"]).flatMap((item, index): Key[] => {
    const at = [...path, "keys", index];
    const key = recordOf(item);
    const denied = Array.isArray(key["models"]) && key["models"].length === 0 && !emptyIsAll;
    if (key["enabled"] !== false && !denied) return [{ values: key, path: at }];
    report.kept(at, denied ? "may serve no model, and is left out" : "is off, and left out");
    return [];
  });
}

/** A secret may be a text, or an object that says which variable it came from. */
function writtenSecret(value: unknown): string | undefined {
  const { env_var: variable, value: inner } = recordOf(value);
  const named = textOf(variable);
  if (named !== undefined) return named.startsWith("env.") ? named : `env.${named}`;
  return textOf(value) ?? textOf(inner);
}

function credentialOf({ values, path }: Key, provider: string, index: number, report: Report) {
  const secret = writtenSecret(values["value"]);
  if (secret === undefined) return [];
  const name = textOf(values["name"]) ?? `${provider}-${index + 1}`;
  const weight = numberOf(values["weight"]);
  if (isOn(values["use_for_batch_api"]))
    report.dropped([...path, "use_for_batch_api"], "every key may serve batches and files");
  return [
    {
      name,
      value: report.secret(secret, [...path, "value"], `${provider}_${name}_KEY`),
      ...(weight === undefined || weight === 1 ? {} : { weight: Math.min(weight, 1_000_000) }),
    },
  ];
}

function addressOf(keys: readonly Key[], report: Report): string | undefined {
  const found = keys.flatMap(({ values, path }) => {
    const configs = ["azure_key_config", "ollama_key_config", "vllm_key_config", "sgl_key_config"] as const;
    const config = configs.find((name) => values[name] !== undefined);
    const { endpoint, url } = recordOf(config === undefined ? undefined : values[config]);
    const address = writtenSecret(endpoint) ?? writtenSecret(url);
    return address === undefined ? [] : [{ address, path: [...path, config!] }];
  });
  const [first] = found;
  if (first === undefined) return undefined;
  for (const { address, path } of found)
    if (address !== first.address)
      report.dropped(path, "another address: write a second provider for it, with this key");
  if (variableOf(first.address) === undefined && URL.canParse(first.address)) return first.address;
  const hole = `https://${(variableOf(first.address) ?? "address").toLowerCase().replaceAll("_", "-")}.invalid`;
  report.dropped(first.path, `a config has addresses written out: write it in place of ${hole}`);
  return hole;
}

/** What all keys of a provider refuse can be refused to those who call; what one of them refuses, another would serve. */
function blockedBy(keys: readonly Key[], report: Report): MadeProvider["blocked"] {
  const lists = keys.map(({ values, path }) => {
    return { models: textsOf(values["blacklisted_models"]), at: [...path, "blacklisted_models"] };
  });
  const [first, ...others] = lists;
  const isCommon = (model: string) =>
    !model.startsWith("regex:") && others.every(({ models }) => models.includes(model));
  const models = (first?.models ?? []).filter(isCommon);
  const said = lists.filter((list) => list.models.length > 0);
  for (const { at } of said.filter((list) => list.models.some((model) => !models.includes(model))))
    report.unprotected(at, "models are blocked for virtual keys and owners, not for one of a provider's keys");
  return { models, at: said.map(({ at }) => at) };
}

/** Models are said of a provider here, not of each of its keys. */
function modelsOf(keys: readonly Key[], emptyIsAll: boolean, report: Report): Values {
  const lists = keys.map(({ values }) => (values["models"] === undefined ? ["*"] : textsOf(values["models"])));
  const isAll = (list: readonly string[]) => list.includes("*") || (emptyIsAll && list.length === 0);
  const deployments: Record<string, string> = {};
  for (const { values, path: at } of keys) {
    const clouds = ["azure_key_config", "bedrock_key_config", "vertex_key_config"].flatMap((config) =>
      entriesOf(recordOf(values[config])["deployments"], [...at, config, "deployments"]),
    );
    const own = entriesOf(values["aliases"] ?? values["deployments"], [...at, "aliases"]);
    for (const { key: alias, value, path: where } of [...own, ...clouds]) {
      const target = textOf(value) ?? textOf(recordOf(value)["model_id"]);
      if (target === undefined) report.dropped(where, "names no model");
      else if (deployments[alias] !== undefined && deployments[alias] !== target)
        report.dropped(where, "an alias means one model at a provider: the first is kept");
      else {
        if (target !== alias) deployments[alias] = target;
        report.kept(where, "deployments");
      }
    }
  }
  const some = Object.keys(deployments).length === 0 ? {} : { deployments };
  if (lists.length === 0 || lists.every(isAll)) return some;
  const differ = lists.some((list) => JSON.stringify(list.toSorted()) !== JSON.stringify(lists[0]!.toSorted()));
  if (differ) {
    const why = "models are said of the provider, not of each key: every key may serve what any of them could";
    for (const key of keys) if (key.values["models"] !== undefined) report.unprotected([...key.path, "models"], why);
  }
  if (lists.some(isAll)) return some;
  if (!differ) report.kept([...keys[0]!.path, "models"], "the provider's models");
  return { models: [...new Set(lists.flat())], any_model: false, ...some };
}

const cloudFields: readonly (readonly [string, string, string, string, boolean])[] = [
  ["azure_key_config", "api_version", "azure", "api_version", false],
  ["azure_key_config", "tenant_id", "azure", "tenant_id", false],
  ["azure_key_config", "client_id", "azure", "client_id", false],
  ["azure_key_config", "client_secret", "azure", "client_secret", true],
  ["bedrock_key_config", "region", "aws", "region", false],
  ["bedrock_key_config", "access_key", "aws", "access_key_id", true],
  ["bedrock_key_config", "secret_key", "aws", "secret_access_key", true],
  ["bedrock_key_config", "session_token", "aws", "session_token", true],
  ["bedrock_key_config", "role_arn", "aws", "role_arn", false],
  ["bedrock_key_config", "external_id", "aws", "external_id", false],
  ["bedrock_key_config", "session_name", "aws", "session_name", false],
  ["vertex_key_config", "project_id", "google", "project", false],
  ["vertex_key_config", "region", "google", "location", false],
];

function cloudOf(keys: readonly Key[], name: string, report: Report): Values {
  const clouds: Record<string, Record<string, string>> = {};
  for (const { values, path } of keys) {
    for (const [config, theirs, cloud, ours, secret] of cloudFields) {
      const written = writtenSecret(recordOf(values[config])[theirs]);
      if (written === undefined) continue;
      const at = [...path, config, theirs];
      if (clouds[cloud]?.[ours] !== undefined)
        report.dropped(at, "a provider has one account of a cloud: write a second provider for it");
      else if (secret) clouds[cloud] = { ...clouds[cloud], [ours]: report.secret(written, at, `${name}_${ours}`) };
      else if (variableOf(written) !== undefined)
        report.dropped(at, `stands in a variable: write it out as ${cloud}.${ours}, or leave it to the cloud's own`);
      else clouds[cloud] = { ...clouds[cloud], [ours]: written };
    }
    if (isOn(recordOf(values["vertex_key_config"])["auth_credentials"]))
      report.dropped(
        [...path, "vertex_key_config", "auth_credentials"],
        "not copied: put it into a file and write google.credentials_file",
      );
  }
  return clouds;
}

function networkOf(network: Values, values: Values, name: string, path: Path, report: Report): Values {
  const at = [...path, "network_config"];
  const total = secondsOf(network["default_request_timeout_in_seconds"]);
  const idle = secondsOf(network["stream_idle_timeout_in_seconds"]);
  const headers = Object.fromEntries(
    entriesOf(network["extra_headers"], [...at, "extra_headers"]).flatMap(({ key, value, path: where }) => {
      const text = textOf(value);
      if (text === undefined) return [];
      return [
        [
          key,
          secretHeader.test(key) || variableOf(text) !== undefined
            ? report.secret(text, where, `${name}_${key}`)
            : text,
        ],
      ];
    }),
  );
  const connections = wholeOf(network["max_conns_per_host"]);
  const concurrency = wholeOf(recordOf(values["concurrency_and_buffer_size"])["concurrency"]);
  const proxy = recordOf(values["proxy_config"]);
  const url = textOf(proxy["url"]);
  if (isOn(network["max_retries"]))
    report.dropped([...at, "max_retries"], "retries are said once, for all providers: routing.retries.max");
  if (isOn(network["ca_cert_pem"])) report.dropped([...at, "ca_cert_pem"], "put it into a file and write ca_file");
  if (url !== undefined && textOf(proxy["password"]) !== undefined)
    report.dropped(
      [...path, "proxy_config", "password"],
      "a proxy's password stands in its URL: write proxy: env.NAME",
    );
  for (const key of [
    "send_back_raw_request",
    "send_back_raw_response",
    "store_raw_request_response",
    "prompt_cache",
    "openai_config",
  ])
    if (isOn(values[key])) report.dropped([...path, key], "has no counterpart here");
  return {
    ...(total === undefined && idle === undefined
      ? {}
      : {
          timeouts: { ...(total === undefined ? {} : { first_byte: total }), ...(idle === undefined ? {} : { idle }) },
        }),
    ...(Object.keys(headers).length === 0 ? {} : { headers }),
    ...(network["insecure_skip_verify"] === true ? { tls_verify: false } : {}),
    ...(url === undefined || textOf(proxy["type"]) !== "http"
      ? {}
      : { proxy: /@/.test(url) ? report.secret(url, [...path, "proxy_config", "url"], `${name}_PROXY`) : url }),
    ...(connections === undefined || connections < 1 ? {} : { connections_max: Math.min(connections, 65_535) }),
    ...(concurrency === undefined || concurrency < 1 ? {} : { concurrency_max: Math.min(concurrency, 1_000_000) }),
  };
}

const understood: Readonly<Record<"provider" | "network" | "key", ReadonlySet<string>>> = {
  provider: new Set([
    ...[
      "keys",
      "network_config",
      "concurrency_and_buffer_size",
      "proxy_config",
      "custom_provider_config",
      "send_back_raw_request",
    ],
    ...[
      "send_back_raw_response",
      "store_raw_request_response",
      "prompt_cache",
      "openai_config",
      "status",
      "config_hash",
    ],
  ]),
  network: new Set([
    ...["base_url", "default_request_timeout_in_seconds", "stream_idle_timeout_in_seconds", "extra_headers"],
    ...["max_conns_per_host", "max_retries", "ca_cert_pem", "insecure_skip_verify"],
  ]),
  key: new Set([
    ...["id", "key_id", "name", "value", "weight", "models", "enabled", "aliases", "deployments", "blacklisted_models"],
    ...["use_for_batch_api", "azure_key_config", "bedrock_key_config", "vertex_key_config", "ollama_key_config"],
    ...["vllm_key_config", "sgl_key_config", "config_hash", "status", "description"],
  ]),
};

function reportRest(values: Values, network: Values, keys: readonly Key[], path: Path, report: Report): void {
  const parts = [
    [values, path, understood.provider],
    [network, [...path, "network_config"], understood.network],
    ...keys.map((key) => [key.values, key.path, understood.key] as const),
  ] as const;
  for (const [part, at, known] of parts)
    for (const { key, value, path: where } of entriesOf(part, at))
      if (isOn(value) && !known.has(key)) report.unknown(where);
}

function reportCustom(custom: Values, path: Path, report: Report): void {
  const at = [...path, "custom_provider_config"];
  if (isOn(custom["allowed_requests"]))
    report.unprotected([...at, "allowed_requests"], "which operations a provider serves is said by its host");
  if (isOn(custom["request_path_overrides"]))
    report.dropped([...at, "request_path_overrides"], "paths are the dialect's");
}
