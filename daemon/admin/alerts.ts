/** Routes of alerts: what is watched, what holds, and a message to see that a channel works. */
import { changes, type Route, reads } from "./route.ts";

export const alertRoutes: readonly Route[] = [
  reads({
    method: "GET",
    path: "/api/alerts",
    permission: "alerts:read",
    summary: "Rules with what holds now, and channels with what was sent",
    run: (services) => services.alerts.list(),
  }),
  changes({
    method: "POST",
    path: "/api/alerts/channels/{channel}/test",
    permission: "alerts:write",
    action: "alert.test",
    summary: "Send a message that says it is a test",
    run: (services, { params }) => services.alerts.test(params["channel"]!),
  }),
];
