/** The route of the live feed. */
import type { FeedQuery } from "./contract/feed.ts";
import { rowFilterFields } from "./logs.ts";
import { EventsAnswer, queryFields, type Route, reads, strict } from "./route.ts";

export const feedRoutes: readonly Route[] = [
  reads<FeedQuery>({
    method: "GET",
    path: "/api/feed",
    permission: "logs:read",
    summary: "Requests as they end: server-sent events, or a WebSocket where the request asks for an upgrade",
    reachable: true,
    query: () => strict<FeedQuery>({ ...rowFilterFields(), rate: queryFields.count(1, 1_000).optional() }),
    run: (services, input) => new EventsAnswer(services.feed.listen(input.query)),
  }),
];
