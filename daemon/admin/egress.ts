/** What the daemon can call, by its config. */
import { type Route, reads } from "./route.ts";

export const egressRoutes: readonly Route[] = [
  reads({
    method: "GET",
    path: "/api/egress",
    permission: "config:read",
    summary: "Every address that the config in use can make the daemon call",
    run: (services) => services.egress.list(),
  }),
];
