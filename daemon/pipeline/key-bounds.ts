/**
 * What binds a key besides models and numbers: what it may ask for, what its requests must say, and names of its own.
 * Hides where in a body that stands. Of a key without them nothing is looked at.
 */
import { GatewayError } from "../../providers/gateway-error.ts";
import { topLevel } from "../http/top-level.ts";
import type { Caller, Exchange, Route } from "./exchange.ts";

/** A response that was kept is asked about by whoever may ask for one. What is sent raw may be anything. */
export function assertMayAsk({ policy }: Caller, { operation, form }: Pick<Route, "operation" | "form">): void {
  const operations = policy?.operations;
  if (operations === undefined) return;
  const asked = form === "any" ? "a raw call" : form === "stored" ? "chat" : operation;
  if ((operations as readonly string[]).includes(asked)) return;
  const allowed = operations.length === 0 ? "nothing" : `${operations.join(", ")} only`;
  throw new GatewayError("permission_denied", `this API key may ask for ${allowed}, and this is ${asked}`, {
    source: "client",
  });
}

/** What it asks for by that name; mostly the name itself. */
export function nameFor({ policy }: Pick<Caller, "policy">, name: string): string {
  const aliases = policy?.aliases;
  return aliases !== undefined && Object.hasOwn(aliases, name) ? aliases[name]! : name;
}

/**
 * What cannot say it is refused as what does not: or another path would be the way around. What is made already is asked
 * about without.
 */
export function assertSays({ body, caller, request, rest, route }: Exchange): void {
  const required = caller!.policy?.required;
  if (required === undefined || request.method === "GET" || request.method === "DELETE") return;
  if ((route.form === "object" || route.form === "stored") && rest !== "") return;
  for (const path of required) {
    const [name = "", ...rest] = path.split(".");
    if (body !== undefined && isSaid(topLevel(body, [name]), name, rest)) continue;
    throw new GatewayError("invalid_request", `this API key's requests must have "${path}" in their body`, {
      source: "client",
      param: path,
    });
  }
}

/** Of sessions, whose messages are not looked at for it. */
export function assertSaysNothing({ policy }: Caller): void {
  const [first] = policy?.required ?? [];
  if (first === undefined) return;
  const message = `this API key's requests must have "${first}", and a session has no place for it`;
  throw new GatewayError("permission_denied", message, { source: "client", param: first });
}

/** A value too long to be looked at is there; null and empty say nothing. */
function isSaid(members: Readonly<Record<string, unknown>>, name: string, rest: readonly string[]): boolean {
  if (!Object.hasOwn(members, name)) return false;
  const value = members[name];
  if (value === undefined) return rest.length === 0;
  if (value === null || value === "") return false;
  const [next, ...others] = rest;
  if (next === undefined) return true;
  return typeof value === "object" && isSaid(value as Readonly<Record<string, unknown>>, next, others);
}
