/**
 * Every address that a config can make the daemon call, and what for. Hides that a new feature is covered without a word
 * here: whatever in the built config is written like an address is one.
 */
import type { GenerationData, Identity, ProviderData } from "../config/generation.ts";

export type EgressAddress = {
  readonly host: string;
  readonly port: number;
  /** Where the config says so: `providers.openai`. */
  readonly used_by: string;
};

const ports: Readonly<Record<string, number>> = {
  "https:": 443,
  "http:": 80,
  "wss:": 443,
  "ws:": 80,
  "grpc:": 443,
  "smtp:": 587,
  "smtps:": 465,
};
/** What is no destination: our own listeners, and texts that are only passed on. */
const passedOver: ReadonlySet<string> = new Set([
  "server",
  "admin",
  "providers",
  "prices",
  "hash",
  "headers",
  "egress",
]);
const instance: readonly (readonly [string, number])[] = [["169.254.169.254", 80]];

export function egressOf(data: GenerationData): readonly EgressAddress[] {
  const found = new Map<string, EgressAddress>();
  const add = (host: string, port: number, used_by: string): void => {
    const name = host.toLowerCase().replace(/^\[|\]$/g, "");
    const key = `${name}:${port} ${used_by}`;
    if (!found.has(key)) found.set(key, { host: name, port, used_by });
  };
  const addUrl = (text: string, used_by: string): void => {
    if (!URL.canParse(text)) return;
    const url = new URL(text);
    const port = Number(url.port) || ports[url.protocol];
    if (url.hostname !== "" && port !== undefined) add(url.hostname, port, used_by);
  };
  for (const provider of data.providers) {
    if (provider.baseUrl.startsWith("echo:")) continue;
    const by = `providers.${provider.name}`;
    // Through a proxy the proxy is what is dialled.
    addUrl(provider.proxy ?? provider.baseUrl, by);
    for (const [host, port] of identityHosts(provider)) add(host, port, `${by} (credentials)`);
  }
  walk(data, "", addUrl, add);
  return [...found.values()].toSorted((a, b) => order(`${a.host}:${a.port}`, `${b.host}:${b.port}`));
}

export function keyOf(host: string, port: number): string {
  return `${host.toLowerCase()}:${port}`;
}

function walk(
  value: unknown,
  path: string,
  addUrl: (text: string, used_by: string) => void,
  add: (host: string, port: number, used_by: string) => void,
): void {
  if (typeof value === "string") {
    if (/^[a-z][a-z0-9+.-]*:\/\/\S+$/i.test(value)) addUrl(value, path);
    return;
  }
  if (typeof value !== "object" || value === null) return;
  const { host, port } = value as { host?: unknown; port?: unknown };
  if (typeof host === "string" && typeof port === "number") add(host, port, path);
  for (const [name, each] of Object.entries(value)) {
    if (passedOver.has(name)) continue;
    walk(each, path === "" ? name : `${path}.${name}`, addUrl, add);
  }
}

/** Where a provider's tokens come from; what a cloud's own chain may ask is asked on the machine it runs on. */
function identityHosts({ identity }: ProviderData): readonly (readonly [string, number])[] {
  if (identity === undefined) return [];
  switch (identity.kind) {
    case "aws":
      return awsHosts(identity);
    case "google":
      return identity.key === undefined
        ? [["metadata.google.internal", 80], ...instance, ["oauth2.googleapis.com", 443]]
        : [[tokenHost(identity.key), 443]];
    case "entra": {
      const authority = identity.authority ?? "https://login.microsoftonline.com";
      const host = URL.canParse(authority) ? new URL(authority).hostname : authority;
      return identity.clientSecret === undefined ? [[host, 443], ...instance] : [[host, 443]];
    }
  }
}

function awsHosts({ region, keys, role }: Identity & { readonly kind: "aws" }): readonly (readonly [string, number])[] {
  const sts = `sts.${region}.amazonaws.com`;
  if (keys !== undefined) return role === undefined ? [] : [[sts, 443]];
  return [
    [sts, 443],
    ...instance,
    ["169.254.170.2", 80],
    [`oidc.${region}.amazonaws.com`, 443],
    [`portal.sso.${region}.amazonaws.com`, 443],
  ];
}

function tokenHost(key: string): string {
  const usual = "oauth2.googleapis.com";
  try {
    const { token_uri: uri } = JSON.parse(key) as { token_uri?: string };
    return uri !== undefined && URL.canParse(uri) ? new URL(uri).hostname : usual;
  } catch {
    return usual;
  }
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
