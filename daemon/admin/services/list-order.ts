/** In which order a list comes, and from where on: by cursor, or as other gateways' clients ask for it, by offset. */
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { ListOrder } from "../contract/scopes.ts";

export type Slice = {
  /** To stand after `WHERE`, before `ORDER BY`, with a value. */
  readonly afterId: number;
  /** After `ORDER BY`. */
  readonly orderBy: string;
  readonly limit: number;
  readonly offset: number;
  /** A page that follows is named by a cursor. */
  readonly hasCursor: boolean;
};

const pageDefault = 100;

export function sliceOf(query: ListOrder): Slice {
  const { limit = pageDefault, after, offset, sort_by: by, order } = query;
  const direction = order === "desc" ? " DESC" : "";
  return {
    afterId: readCursor(after),
    orderBy: by === "name" ? `name${direction}, id${direction}` : `id${direction}`,
    limit,
    offset: offset ?? 0,
    hasCursor: assertOneOrder(query),
  };
}

/** True: it is the order of making, which a cursor names a place in. */
export function assertOneOrder({
  after,
  offset,
  sort_by: by,
  order,
}: Omit<ListOrder, "sort_by"> & { sort_by?: unknown }): boolean {
  const isOrdered = offset !== undefined || by !== undefined || order !== undefined;
  if (!isOrdered || after === undefined) return !isOrdered;
  const message = '"after" goes on in the order of making: give it, or offset, sort_by and order';
  throw new GatewayError("invalid_request", message, { param: "after" });
}

export function readCursor(text: string | undefined): number {
  if (text === undefined) return 0;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw noCursor();
}

export function noCursor(): GatewayError {
  return new GatewayError("invalid_request", '"after": is not a cursor of an earlier page', { param: "after" });
}
