/**
 * The address that a client came by, for answers that tell it where to go on. Hides proxies: who ends TLS in front of us
 * says so in `x-forwarded-proto`. A client that says something untrue sends only itself elsewhere.
 */
import type { Exchange } from "./exchange.ts";

/** What may stand in an address as its host and port. */
const plainHost = /^[\w.:[\]-]{1,255}$/;

/** @param rest what its path ends with, and the address is to be without */
export function ownAddress({ request }: Exchange, rest: string): string {
  const { headers, socket } = request;
  const [path = ""] = (request.url ?? "").split("?");
  const told = headers.host ?? headers[":authority"];
  const host = typeof told === "string" && plainHost.test(told) ? told : "localhost";
  const isSecure = "encrypted" in socket || headers["x-forwarded-proto"] === "https";
  const beginning = path.endsWith(rest) ? path.slice(0, path.length - rest.length) : path;
  return `${isSecure ? "https" : "http"}://${host}${beginning.replace(/^https?:\/\/[^/]*/i, "")}`;
}
