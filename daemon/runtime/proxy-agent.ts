/** undici's agent for a forward proxy. A file of its own, because it is loaded only where there is a proxy. */
import type { LookupFunction } from "node:net";
import connectThrough from "undici/lib/api/api-connect.js";
import Pool from "undici/lib/dispatcher/pool.js";
import ProxyAgent from "undici/lib/dispatcher/proxy-agent.js";
import { headerBytesMax, idleSocketMs } from "./origin.ts";

export type Agent = InstanceType<typeof ProxyAgent>;
/** What a TLS connection to the upstream is made with. */
export type Connect = { readonly lookup: LookupFunction };

export function openProxyAgent(proxy: string, connect: Connect): Agent {
  return new ProxyAgent({
    uri: proxy,
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: idleSocketMs,
    keepAliveMaxTimeout: idleSocketMs,
    maxHeaderSize: headerBytesMax,
    allowH2: false,
    connectTimeout: 0,
    // The package's index gives each dispatcher this method, and we do not load the index.
    clientFactory: (url, own) => Object.assign(new Pool(url, own as object), { connect: connectThrough }),
    requestTls: { ...connect, allowH2: false } as object,
    proxyTls: { lookup: connect.lookup, allowH2: false } as object,
  });
}
