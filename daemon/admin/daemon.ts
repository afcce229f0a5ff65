/** Routes of the daemon itself: what it is doing, reload, stop. */
import { z } from "zod";
import type { RestartRequest, StopRequest } from "./contract/daemon.ts";
import { changes, fields, type Route, reads, strict } from "./route.ts";

const stop = strict<StopRequest>({ drain_ms: fields.durationMs(0).optional() });
const restart = strict<RestartRequest>({
  drain_ms: fields.durationMs(0).optional(),
  take_back: z.boolean().optional(),
});

export const daemonRoutes: readonly Route[] = [
  reads({
    method: "GET",
    path: "/api/status",
    permission: "status:read",
    summary: "What runs, since when, from which config",
    run: (services) => services.daemon.status(),
  }),
  reads({
    method: "GET",
    path: "/api/providers",
    permission: "models:read",
    summary: "Configured providers, without their secrets",
    run: (services) => services.daemon.providers(),
  }),
  reads({
    method: "GET",
    path: "/api/hosts",
    permission: "models:read",
    summary: "Providers known by name, what each serves, and which are configured",
    run: (services) => services.daemon.hosts(),
  }),
  changes({
    method: "POST",
    path: "/api/reload",
    permission: "daemon:reload",
    action: "daemon.reload",
    summary: "Read the config again; answers when every worker serves from it",
    run: (services, { action }) => services.daemon.reload(action),
  }),
  changes<StopRequest>({
    method: "POST",
    path: "/api/stop",
    permission: "daemon:stop",
    action: "daemon.stop",
    summary: "Drain and end; answers when the drain has begun",
    body: stop,
    run: (services, { body, action }) => services.daemon.stop(body, action),
  }),
  changes<RestartRequest>({
    method: "POST",
    path: "/api/restart",
    permission: "daemon:stop",
    action: "daemon.restart",
    summary: "Start the program anew over the same port; answers when the drain has begun",
    body: restart,
    run: (services, { body, action }) => services.daemon.restart(body, action),
  }),
];
