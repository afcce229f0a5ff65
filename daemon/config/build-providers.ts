/**
 * One entry of `providers` → `ProviderData`. Hides what a host's row supplies, where the key comes from when the entry
 * names none, and which proxy and certificates apply.
 */
import { X509Certificate } from "node:crypto";
import type { DialectId } from "../../providers/exchange.ts";
import { builtInHosts, type Host, hostFor, hosts } from "../../providers/hosts.ts";
import type { Build } from "./build.ts";
import { readCloud } from "./build-clouds.ts";
import { readProbe } from "./build-probe.ts";
import type { Credential, PriceOverride, ProviderData, Timers, Way } from "./generation.ts";
import { nearest, type Path } from "./problems.ts";
import { isLoopback, type ProxyRules, parseProxy, proxyFor } from "./proxies.ts";
import type { ProviderEntry } from "./schema.ts";
import { expandPath, readSmallFile, reason } from "./secrets.ts";
import { defaults } from "./settings.ts";

/** What applies to all providers unless an entry says otherwise. */
export type ProviderContext = {
  readonly timers: Timers;
  readonly proxies: ProxyRules;
  /** Where we listen ourselves: a provider there would be a loop. */
  readonly self: { readonly host: string; readonly port: number };
  readonly timersFor: (entry: ProviderEntry["timeouts"], path: Path) => Timers;
};

/** A bundle of every authority in the world is 230 KB. */
const caBytesMax = 4 * 1024 * 1024;
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const headerNamePattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;
/** Headers the transport itself writes; a second copy would let two servers disagree where a request ends. */
const transportHeaders = new Set(
  "host connection keep-alive proxy-connection transfer-encoding content-length te trailer upgrade expect accept-encoding".split(
    " ",
  ),
);
/** Header names whose values are secrets, so that one written out is warned of and kept out of history. */
const secretHeader = /auth|key|token|secret|cookie|password/i;
const operationPath = /\/(chat\/completions|completions|messages|embeddings)$/;

/** The two providers that are always there, so that everything can be tried without a key. */
export function builtIns(context: ProviderContext): readonly ProviderData[] {
  return builtInHosts.map(({ name, baseUrl, free = false }) => ({
    name,
    host: name,
    dialect: "openai-chat",
    baseUrl,
    parameters: {},
    deployments: {},
    credentials: [],
    headers: {},
    models: [name],
    anyModel: true,
    timers: context.timers,
    tls: { rejectUnauthorized: true },
    free,
    strict: false,
    connectionsMax: defaults.provider.connections_max,
    labels: {},
  }));
}

/** Prices that only the host's row knows; a host may be configured under any name. */
export function builtInPrices(providers: readonly ProviderData[]): readonly PriceOverride[] {
  return providers.flatMap(({ name, host }) => {
    const price = hosts[host]?.price;
    return price === undefined ? [] : [{ match: `${name}/*`, ...price }];
  });
}

export function buildProvider(
  name: string,
  entry: ProviderEntry,
  build: Build,
  context: ProviderContext,
): ProviderData | undefined {
  const path: Path = ["providers", name];
  if (!checkName(name, path, build)) return undefined;
  const row = rowFor(name, entry, path, build);
  if (row === undefined) return undefined;
  const dialect: DialectId = entry.dialect ?? row.dialect;
  const host = hostFor(row.name, dialect);
  const credentials = readCredentials(name, host, entry, path, build);
  const { parameters, identity } = readCloud(host, entry, credentials.length > 0, path, build);
  const baseUrl = readBaseUrl(host, parameters, entry, path, build, context);
  if (baseUrl === undefined) return undefined;
  const ca = entry.ca_file === undefined ? undefined : readAuthorities(entry.ca_file, [...path, "ca_file"], build);
  const secure = entry.tls_verify ?? defaults.provider.tls_verify;
  if (!secure) {
    build.warn({
      path: [...path, "tls_verify"],
      message: "certificates are not checked: anyone on the way can read the key",
    });
  }
  const proxied = readProxy(baseUrl, entry, path, build, context);
  return {
    name,
    host: row.name,
    dialect,
    ...(entry.dialect === undefined ? {} : { dialectOnly: true }),
    baseUrl,
    parameters,
    deployments: entry.deployments ?? {},
    credentials,
    ...(identity === undefined ? {} : { identity: { ...identity, ...wayOf(entry, proxied.proxy, ca) } }),
    headers: readHeaders(entry, path, build),
    models: entry.models ?? [],
    anyModel: entry.any_model ?? defaults.provider.any_model,
    timers: context.timersFor(entry.timeouts, [...path, "timeouts"]),
    tls: { ...(ca !== undefined && { ca }), rejectUnauthorized: secure },
    ...proxied,
    free: entry.free ?? host.free === true,
    strict: entry.strict ?? defaults.provider.strict,
    connectionsMax: entry.connections_max ?? defaults.provider.connections_max,
    labels: entry.labels ?? {},
    ...readProbe(entry.probe ?? undefined, [...path, "probe"], { isSigned: identity !== undefined, baseUrl }, build),
    ...(entry.concurrency_max !== undefined && { concurrencyMax: entry.concurrency_max }),
  };
}

function checkName(name: string, path: Path, build: Build): boolean {
  if (builtInHosts.some((host) => host.name === name)) {
    build.report({
      path,
      atKey: true,
      message: "is built in; turn it off with `echo: false`, or use `host: echo` under another name",
    });
    return false;
  }
  if (namePattern.test(name)) return true;
  build.report({
    path,
    atKey: true,
    message: "a provider's name has letters, digits, `.`, `_` and `-`, at most 64, the first a letter or digit",
  });
  return false;
}

function rowFor(name: string, entry: ProviderEntry, path: Path, build: Build): Host | undefined {
  const known = (host: string) => (Object.hasOwn(hosts, host) ? hosts[host] : undefined);
  if (entry.host !== undefined) {
    const row = known(entry.host);
    if (row === undefined) {
      build.report({
        path: [...path, "host"],
        message: `no host is called "${entry.host}"`,
        suggestion: nearest(entry.host, Object.keys(hosts)),
      });
    }
    return row;
  }
  const row = known(name) ?? (entry.base_url === undefined ? undefined : hosts["custom"]);
  if (row === undefined) {
    build.report({
      path,
      atKey: true,
      message: `"${name}" is no known host: give its base_url, or the host it is an account of`,
      suggestion: nearest(name, Object.keys(hosts)),
    });
  }
  return row;
}

function readBaseUrl(
  host: Host,
  parameters: ProviderData["parameters"],
  entry: ProviderEntry,
  path: Path,
  build: Build,
  { self }: ProviderContext,
): string | undefined {
  const at = entry.base_url === undefined ? path : [...path, "base_url"];
  const refuse = (message: string) => {
    build.report({ path: at, message, ...(entry.base_url === undefined && { atKey: true }) });
    return undefined;
  };
  if (builtInHosts.some(({ name }) => name === host.name)) {
    return entry.base_url === undefined ? host.baseUrl : refuse("the built-in echo has no base_url");
  }
  const written = entry.base_url ?? addressOf(host, parameters);
  if (written === "") {
    // Where a parameter of the usual address is missing, that has been said.
    return host.baseUrl === "" ? refuse(`needs a base_url: where does it speak ${host.dialect}?`) : undefined;
  }
  if (!URL.canParse(written)) return refuse("is no URL; expected something like https://api.example.com/v1");
  const url = new URL(written);
  if (url.protocol !== "https:" && url.protocol !== "http:") return refuse("must begin with https:// or http://");
  if (url.username !== "" || url.password !== "") return refuse("must not hold a password: use api_key or headers");
  if (url.search !== "" || url.hash !== "") return refuse("must not have a query or fragment");
  const plain = url.href.replace(/\/+$/, "");
  const operation = operationPath.exec(plain)?.[0];
  if (operation !== undefined) return refuse(`must end before ${operation}: the operation's path is added`);
  // A cloud's own addresses end where its paths begin.
  const root = host.parameters === undefined ? undefined : /^\/\w+/.exec(host.operations.chat?.[0]?.path ?? "")?.[0];
  if (root !== undefined && `${url.pathname}/`.includes(`${root}/`)) {
    return refuse(`must end before ${root}: the rest of the path is added`);
  }
  const port = Number(url.port || (url.protocol === "https:" ? 443 : 80));
  const reachable = isLoopback(self.host) || self.host === "0.0.0.0" || self.host === "::";
  if (self.port === port && port !== 0 && reachable && isLoopback(url.hostname)) {
    return refuse(`points at this gateway itself (port ${port}): give the provider's own port, or change server.port`);
  }
  return plain;
}

/** Empty where it is not known: a parameter is missing, and has been reported. */
function addressOf(host: Host, parameters: ProviderData["parameters"]): string {
  const names = [...host.baseUrl.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
  if (names.some((name) => parameters[name] === undefined)) return "";
  return host.address?.(parameters) ?? host.baseUrl.replace(/\{(\w+)\}/g, (_hole, name: string) => parameters[name]!);
}

function readCredentials(
  name: string,
  host: Host,
  entry: ProviderEntry,
  path: Path,
  build: Build,
): readonly Credential[] {
  if (entry.keys !== undefined && entry.api_key !== undefined) {
    build.report({ path: [...path, "api_key"], atKey: true, message: "stands beside keys: write one of the two" });
  }
  if (entry.keys !== undefined) {
    const credentials: Credential[] = [];
    for (const [index, key] of entry.keys.entries()) {
      const id = key.name ?? `${name}-${index + 1}`;
      if (credentials.some((other) => other.id === id)) {
        build.report({ path: [...path, "keys", index], message: `two keys are called "${id}"` });
      }
      const value = build.secret(key.value, [...path, "keys", index, "value"]);
      credentials.push({ id, value: value ?? "", weight: key.weight ?? 1 });
    }
    if (credentials.every(({ weight }) => weight === 0))
      build.report({ path: [...path, "keys"], message: "gives every key the weight 0: none would ever be used" });
    return credentials;
  }
  if (entry.api_key !== undefined) {
    return [{ id: name, value: build.secret(entry.api_key, [...path, "api_key"]) ?? "", weight: 1 }];
  }
  return usualCredential(name, host, entry, path, build);
}

/** The host's usual variable, but only for the host's own address: a key must not follow a changed base URL to a stranger. */
function usualCredential(
  name: string,
  host: Host,
  entry: ProviderEntry,
  path: Path,
  build: Build,
): readonly Credential[] {
  if (host.environment.length === 0) return [];
  if (host.environment.every((candidate) => !build.environment[candidate]) && host.identity !== undefined) return [];
  const carried = Object.keys(entry.headers ?? {}).some((header) => secretHeader.test(header));
  if (entry.base_url !== undefined || carried) return [];
  const variable = host.environment.find((candidate) => build.environment[candidate]);
  if (variable === undefined) {
    const usual = host.environment.join(" or ");
    build.report({ path, atKey: true, message: `has no key: set ${usual}, or write api_key: env.NAME` });
    return [];
  }
  const value = build.secret(`env.${variable}`, path);
  return value === undefined ? [] : [{ id: name, value, weight: 1 }];
}

function readHeaders(entry: ProviderEntry, path: Path, build: Build): Readonly<Record<string, string>> {
  const headers = new Map<string, string>();
  for (const [name, value] of Object.entries(entry.headers ?? {})) {
    const at = [...path, "headers", name];
    const lower = name.toLowerCase();
    if (!headerNamePattern.test(name)) build.report({ path: at, atKey: true, message: "is no valid header name" });
    else if (transportHeaders.has(lower))
      build.report({ path: at, atKey: true, message: "is written by the transport and cannot be set" });
    else if (headers.has(lower)) build.report({ path: at, atKey: true, message: "is written twice" });
    else headers.set(lower, readHeader(value, at, secretHeader.test(name), build));
  }
  return Object.fromEntries(headers);
}

/** `Bearer env.NAME` is a reference too: the scheme is kept, and what follows it resolved. */
function readHeader(written: string, path: Path, secret: boolean, build: Build): string {
  const [, scheme = "", value = written] = /^((?:Bearer|Basic|Token) )(.+)$/i.exec(written) ?? [];
  return scheme + (build.secret(value, path, secret ? "secret" : "plain") ?? "");
}

function readProxy(
  baseUrl: string,
  entry: ProviderEntry,
  path: Path,
  build: Build,
  { proxies }: ProviderContext,
): { readonly proxy?: string } {
  if (entry.proxy === "none" || builtInHosts.some((host) => host.baseUrl === baseUrl)) return {};
  if (entry.proxy !== undefined) {
    const proxy = build.proxy(entry.proxy, [...path, "proxy"]);
    return proxy === undefined ? {} : { proxy };
  }
  const found = proxyFor(new URL(baseUrl), proxies);
  if (found === undefined) return {};
  const proxy = parseProxy(found);
  if (proxy !== undefined) return { proxy };
  build.report({
    path,
    atKey: true,
    message: "the proxy of the environment is no http:// or https:// URL; set proxy, or proxy: none",
  });
  return {};
}

/** Nothing, unless the entry says something of its way. */
function wayOf(entry: ProviderEntry, proxy: string | undefined, ca: string | undefined): { readonly way?: Way } {
  const named = entry.proxy === undefined ? undefined : (proxy ?? "none");
  if (named === undefined && ca === undefined) return {};
  return { way: { ...(named === undefined ? {} : { proxy: named }), ...(ca === undefined ? {} : { ca }) } };
}

function readAuthorities(written: string, path: Path, build: Build): string | undefined {
  const file = expandPath(written, build);
  build.watch(file);
  let pem: string;
  try {
    pem = readSmallFile(file, caBytesMax);
  } catch (error) {
    build.report({ path, message: `cannot read ${file}: ${reason(error)}` });
    return undefined;
  }
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) {
    build.report({ path, message: `${file} holds no PEM certificate` });
    return undefined;
  }
  for (const [index, block] of blocks.entries()) {
    try {
      const { validToDate, subject } = new X509Certificate(block);
      if (validToDate.getTime() < build.now)
        build.warn({
          path,
          message: `certificate ${index + 1} of ${file} (${subject.replaceAll("\n", ", ")}) has expired`,
        });
    } catch {
      build.report({ path, message: `certificate ${index + 1} of ${file} cannot be read` });
      return undefined;
    }
  }
  return blocks.join("\n");
}
