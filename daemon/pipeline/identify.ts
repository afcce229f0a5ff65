/**
 * Stage: whom the request names → the scopes that are counted for them. A name that this worker has not met is asked
 * for; that request waits, others do not, and no money moves before its scope is on the disk.
 */
import { GatewayError } from "../../providers/gateway-error.ts";
import type { Exchange } from "./exchange.ts";
import { namedBy } from "./named.ts";
import type { Plane } from "./plane.ts";

/** Undefined: nothing has to be waited for. */
export function identify(exchange: Exchange, plane: Plane): Promise<void> | undefined {
  const rules = plane.plans.names();
  if (rules === undefined) return undefined;
  const names = namedBy(rules, exchange.request.headers, exchange.body);
  const { endUser, tags } = names;
  exchange.names = names;
  if (endUser === undefined && rules.end_user?.required) throw unnamed("an end user", rules.end_user.header);
  if (tags.length === 0 && rules.tag?.required) throw unnamed("a tag", rules.tag.header);
  const wanted: (number | Promise<number>)[] = tags.map((tag) => plane.names.find("tag", tag));
  if (endUser !== undefined) wanted.push(plane.names.find("end_user", endUser));
  const known = wanted.every((scope) => typeof scope === "number");
  if (!known) return Promise.all(wanted).then((scopes) => take(exchange, scopes));
  take(exchange, wanted as readonly number[]);
  return undefined;
}

/** 0: nothing is counted for that name. Several may share what is left over for names too many. */
function take(exchange: Exchange, scopes: readonly number[]): void {
  exchange.named = [...new Set(scopes)].filter((scope) => scope !== 0);
}

function unnamed(whom: string, header: string): GatewayError {
  return new GatewayError("invalid_request", `requests must name ${whom} here: send it in the header ${header}`, {
    source: "client",
    param: header,
  });
}
