/** How the next page of a provider's list is asked for, while one of the caller's own is put together. */
import type { Paging } from "./families.ts";

/** After which of its ids, or at which of its words, the next page begins. */
export type Listing = { readonly after?: string; readonly token?: string };

/** The most that all of the usual lists allow in a page. */
const listedAtOnce = 100;

export function nextPage(query: URLSearchParams, { ids, token }: Paging, listing: Listing): void {
  if (listing.token !== undefined) query.set(token!.asks, listing.token);
  if (ids === undefined) return;
  const limit = query.get("limit");
  if (listing.after !== undefined) query.set(query.has(ids.before) ? ids.before : ids.after, listing.after);
  // A page that tells a word for the next is passed on as long as it was asked for.
  if (limit !== null && (token === undefined || listing.after !== undefined))
    query.set("limit", String(Math.max(Number(limit) || 0, listedAtOnce)));
}
