/** Values of a few members of a JSON object, found without parsing the rest. The body has been scanned before: it is sound. */
import { GatewayError } from "../../providers/gateway-error.ts";
import { skipColon, skipSpace, skipString, skipValue } from "./json-skip.ts";

const comma = 44;
const quote = 34;
/** Longer values are not looked at, as is usual. */
const valueBytesMax = 65_536;

export function topLevel<Name extends string>(
  body: Buffer,
  names: readonly Name[],
  bytesMax: number = valueBytesMax,
): Readonly<Partial<Record<Name, unknown>>> {
  const found: Partial<Record<Name, unknown>> = {};
  if (!names.some((name) => body.includes(`"${name}"`, 0, "latin1"))) return found;
  let at = skipSpace(body, skipSpace(body, 0) + 1);
  while (body[at] === quote) {
    const keyEnd = skipString(body, at);
    const key = body.toString("latin1", at + 1, keyEnd - 1);
    const start = skipColon(body, keyEnd);
    const end = skipValue(body, start, 1);
    const name = names.find((each) => each === key);
    if (name !== undefined) {
      if (Object.hasOwn(found, name))
        throw new GatewayError("invalid_request", `${name} is given twice`, { source: "client", param: name });
      found[name] = end - start > bytesMax ? undefined : (JSON.parse(body.toString("utf8", start, end)) as unknown);
    }
    at = skipSpace(body, end);
    if (body[at] === comma) at = skipSpace(body, at + 1);
  }
  return found;
}
