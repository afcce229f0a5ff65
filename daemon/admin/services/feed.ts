/** The live feed as the admin API asks for it: filters in its words, rows with names. */

import { listOf } from "../../store/log-filter.ts";
import type { Feed } from "../../telemetry/feed.ts";
import type { AdminServices, Reach } from "../admin-services.ts";
import type { FeedQuery } from "../contract/feed.ts";
import type { LogRow } from "../contract/logs.ts";
import { type Names, readFilter } from "./log-view.ts";

export function createFeedService(feed: Feed, names: Names, reach?: Reach): AdminServices["feed"] {
  return {
    listen({ rate, ...query }: FeedQuery) {
      // Whom a key belongs to is not in the row yet when a worker sees it.
      const { team, customer, user, ...filter } = readFilter(query, names, reach);
      const owners = { team, customer, user };
      const asked = (Object.keys(owners) as (keyof typeof owners)[]).filter((name) => owners[name] !== undefined);
      const accepts = (row: LogRow): boolean =>
        asked.every((name) => (listOf(owners[name]!) as readonly (string | null)[]).includes(row[name]));
      return feed.listen({ filter, rate, ...(asked.length === 0 ? {} : { accepts }) });
    },
  };
}
