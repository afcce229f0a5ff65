/**
 * The way out: which proxy, if any, a provider is reached through. Hides the conventions of HTTPS_PROXY, HTTP_PROXY,
 * ALL_PROXY and NO_PROXY, on which every tool agrees a little.
 */
import { BlockList, isIP } from "node:net";
import type { Environment } from "./secrets.ts";

export type ProxyRules = {
  readonly https?: string | undefined;
  readonly http?: string | undefined;
  readonly noProxy: readonly string[];
};

/** Lower case wins over upper case, as in curl. */
export function proxyRules(environment: Environment): ProxyRules {
  const read = (name: string) => environment[name] || environment[name.toUpperCase()] || undefined;
  const all = read("all_proxy");
  return {
    https: read("https_proxy") ?? all,
    http: read("http_proxy") ?? all,
    noProxy: (read("no_proxy") ?? "").split(/[\s,]+/).filter((entry) => entry !== ""),
  };
}

/** The proxy for a URL as it was written, or undefined to go directly. This machine itself is always reached directly. */
export function proxyFor(url: URL, rules: ProxyRules): string | undefined {
  const proxy = url.protocol === "https:" ? rules.https : rules.http;
  if (proxy === undefined || isLoopback(url.hostname)) return undefined;
  return rules.noProxy.some((entry) => bypasses(entry, url)) ? undefined : proxy;
}

/** A proxy URL in full, or undefined when it is none that we can speak to. `proxy.corp:3128` means http. */
export function parseProxy(text: string): string | undefined {
  const full = text.includes("://") ? text : `http://${text}`;
  if (!URL.canParse(full)) return undefined;
  const { protocol, hostname, pathname, search, hash, href } = new URL(full);
  if (protocol !== "http:" && protocol !== "https:") return undefined;
  if (hostname === "" || pathname !== "/" || search !== "" || hash !== "") return undefined;
  return href.replace(/\/$/, "");
}

export function isLoopback(hostname: string): boolean {
  const name = bare(hostname);
  return name === "localhost" || name.endsWith(".localhost") || name === "::1" || /^127\.\d+\.\d+\.\d+$/.test(name);
}

/** True when one NO_PROXY entry covers the URL: `*`, a name and all below it, an address, a network, each with or without a port. */
function bypasses(entry: string, url: URL): boolean {
  if (entry === "*") return true;
  const host = bare(url.hostname);
  if (entry.includes("/")) return inNetwork(entry, host);
  const { name, port } = splitPort(entry.toLowerCase());
  if (port !== undefined && port !== (url.port || (url.protocol === "https:" ? "443" : "80"))) return false;
  const suffix = name.replace(/^\*?\./, "").replace(/\.$/, "");
  if (suffix === "") return false;
  if (isIP(suffix) !== 0) return sameAddress(suffix, host);
  return host === suffix || (isIP(host) === 0 && host.endsWith(`.${suffix}`));
}

function splitPort(entry: string): { name: string; port: string | undefined } {
  const bracketed = /^\[(.*)\](?::(\d+))?$/.exec(entry);
  if (bracketed) return { name: bracketed[1] ?? "", port: bracketed[2] };
  if (isIP(entry) === 6) return { name: entry, port: undefined };
  const [, name = entry, port] = /^(.*):(\d+)$/.exec(entry) ?? [];
  return { name, port };
}

function sameAddress(entry: string, host: string): boolean {
  return inNetwork(`${entry}/${isIP(entry) === 6 ? 128 : 32}`, host);
}

function inNetwork(network: string, host: string): boolean {
  const [address = "", prefix = ""] = network.split("/");
  const family = isIP(address);
  if (family === 0 || isIP(host) === 0 || !/^\d{1,3}$/.test(prefix) || Number(prefix) > (family === 6 ? 128 : 32))
    return false;
  const list = new BlockList();
  list.addSubnet(address, Number(prefix), family === 6 ? "ipv6" : "ipv4");
  return list.check(host, isIP(host) === 6 ? "ipv6" : "ipv4");
}

/** `URL` writes IPv6 addresses in brackets; a trailing dot only says that a name is complete. */
function bare(hostname: string): string {
  return hostname
    .toLowerCase()
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "");
}
