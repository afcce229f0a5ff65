/** Parameters of LiteLLM's GET routes. One that is not known is refused: a list that ignores its filter tells of everybody. */
import { z } from "zod";
import { GatewayError } from "../../../providers/gateway-error.ts";
import { hintFor } from "./hints.ts";

export type Query = Readonly<Record<string, string | undefined>>;

export const pageNames = ["page", "page_size"] as const;
export const sortNames = ["sort_by", "sort_order"] as const;
export const dateNames = ["start_date", "end_date"] as const;

const textMax = 2_000;

/** Empty says nothing, as there. */
export function query(...known: readonly string[]): z.ZodType<Query> {
  const shape = Object.fromEntries(known.map((name) => [name, z.string().max(textMax).optional()]));
  const schema = z.looseObject(shape).transform((said, context) => {
    const given = Object.entries(said).filter(([, value]) => value !== "");
    for (const [name] of given) {
      if (known.includes(name)) continue;
      const message = hintFor(name) ?? `is not known here: give ${known.join(", ") || "nothing"}`;
      context.addIssue({ code: "custom", path: [name], message });
    }
    return Object.fromEntries(given);
  });
  return schema as unknown as z.ZodType<Query>;
}

/** A flag that can be said but changes nothing here, unless it asks for what there is not. */
export function assertOnly(asked: Query, name: string, values: readonly string[], why: string): void {
  const value = asked[name];
  if (value === undefined || values.includes(value)) return;
  throw new GatewayError("invalid_request", `"${name}": ${why}`, { param: name });
}

/** `sort_by` in their words for the name; `desc` is not said by being left out. */
export function orderOf(
  asked: Query,
  names: readonly string[],
): { sort_by?: "name" | "created_at"; order?: "asc" | "desc" } {
  const { sort_by: by, sort_order: order } = asked;
  if (order !== undefined && order !== "asc" && order !== "desc")
    throw new GatewayError("invalid_request", '"sort_order": asc or desc', { param: "sort_order" });
  if (by !== undefined && by !== "created_at" && !names.includes(by)) {
    const message = `"sort_by": one of created_at, ${names.join(", ")}`;
    throw new GatewayError("invalid_request", message, { param: "sort_by" });
  }
  return {
    ...(by === undefined ? {} : { sort_by: by === "created_at" ? "created_at" : "name" }),
    ...(order === undefined ? {} : { order }),
  };
}

/** A number of a page, or how many are on one. */
export function countOf(asked: Query, name: string, ifAbsent: number, most: number): number {
  const text = asked[name];
  if (text === undefined) return ifAbsent;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (value >= 1) return Math.min(most, value);
  throw new GatewayError("invalid_request", `"${name}": a whole number from 1 on`, { param: name });
}

/** `a,b`, as clients write lists into addresses. */
export function listOf(text: string | undefined): readonly string[] {
  return (text ?? "").split(",").filter((each) => each !== "");
}
