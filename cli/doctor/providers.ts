/** Providers: each has a name that resolves, answers at its port, and shows a certificate that holds. No key is sent. */
import { connect as connectTcp, isIP } from "node:net";
import { connect as connectTls } from "node:tls";
import type { ProvidersAnswer, ProviderView } from "../../daemon/admin/contract/daemon.ts";
import { codeOf } from "../failure.ts";
import { type Check, type Finding, good, note, problem, warning } from "./check.ts";

const dialMs = 5_000;
const atOnce = 8;

export const providers: Check = {
  name: "providers",
  about: "each resolves, answers and has a credential; nothing is asked of it",
  async run({ client, status, offline, isRemote = false }) {
    // Only a daemon knows what runs; without one the config's own check tells of mistakes in it.
    if (client === undefined || status === undefined) return [note("not looked at: no daemon runs")];
    const { providers: found } = await client.call<ProvidersAnswer>("GET", "/api/providers");
    const real = found.filter(({ base_url: url }) => !url.startsWith("echo:"));
    if (real.length === 0)
      return [
        note(
          "only echo answers",
          "Set a provider's variable such as OPENAI_API_KEY, or write providers: docs/config.md",
        ),
      ];
    const findings: Finding[] = [];
    for (let from = 0; from < real.length; from += atOnce)
      findings.push(
        ...(
          await Promise.all(real.slice(from, from + atOnce).map((provider) => look(provider, offline, isRemote)))
        ).flat(),
      );
    return findings;
  },
};

async function look(provider: ProviderView, offline: boolean, isRemote: boolean): Promise<readonly Finding[]> {
  const { name, base_url: url, credentials, free } = provider;
  const findings: Finding[] = [];
  if (credentials.length === 0 && !free)
    findings.push(warning(`${name} has no credential`, `Set its variable, or providers.${name}.api_key: env.NAME`));
  const proxy = provider.proxy === null || provider.proxy === "none" ? undefined : provider.proxy;
  const target = parse(proxy ?? url);
  if (target === undefined) return [...findings, note(`${name}: ${url} is made for each request and not dialled here`)];
  if (isRemote) return [...findings, note(`${name}: ${target.host} is not dialled from here`)];
  if (offline && !isHere(target.host))
    return [...findings, note(`${name}: ${target.host} is not dialled with --offline`)];
  const failure = await dial(target);
  const through = proxy === undefined ? "" : ` through ${target.host}`;
  if (failure === undefined) return [...findings, good(`${name}: ${target.host}:${target.port} answers${through}`)];
  return [...findings, problem(`${name}: ${target.host}:${target.port}${through}: ${failure.message}`, failure.remedy)];
}

type Target = { readonly host: string; readonly port: number; readonly tls: boolean };

function parse(url: string): Target | undefined {
  try {
    const { hostname, port, protocol } = new URL(url);
    const tls = protocol === "https:";
    if (hostname === "" || hostname.includes("{")) return undefined;
    return { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port || (tls ? 443 : 80)), tls };
  } catch {
    return undefined;
  }
}

function isHere(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\./.test(host);
}

function dial({ host, port, tls }: Target): Promise<{ readonly message: string; readonly remedy: string } | undefined> {
  return new Promise((resolve) => {
    const socket = tls
      ? connectTls({ host, port, ...(isIP(host) ? {} : { servername: host }) })
      : connectTcp({ host, port });
    socket.setTimeout(dialMs);
    const end = (failure?: { readonly message: string; readonly remedy: string }) => {
      socket.destroy();
      resolve(failure);
    };
    socket.once(tls ? "secureConnect" : "connect", () => end());
    socket.once("timeout", () =>
      end({
        message: `no answer in ${dialMs / 1_000} s`,
        remedy: "A firewall drops it: allow the address, or set network.proxy.",
      }),
    );
    socket.once("error", (error) => end({ message: error.message, remedy: remedyFor(codeOf(error)) }));
  });
}

function remedyFor(code: string | undefined): string {
  switch (code) {
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "The name does not resolve: check base_url and the resolver (/etc/resolv.conf).";
    case "ECONNREFUSED":
      return "Nobody listens there: start it, or mend base_url.";
    case "ENETUNREACH":
    case "EHOSTUNREACH":
      return "There is no way there from this machine: check routes, or set network.proxy.";
    case "CERT_HAS_EXPIRED":
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
      return "Its certificate is not trusted: set ca_file to the authority of your network.";
    default:
      return "docs/errors.md: upstream_connect.";
  }
}
