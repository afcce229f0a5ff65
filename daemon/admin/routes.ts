/** The table of the admin API: every route there is, and nothing answers that does not stand here. */
import { alertRoutes } from "./alerts.ts";
import { auditRoutes } from "./audit.ts";
import { configRoutes } from "./config.ts";
import { daemonRoutes } from "./daemon.ts";
import { egressRoutes } from "./egress.ts";
import { feedRoutes } from "./feed.ts";
import { keyRoutes } from "./keys.ts";
import { logRoutes } from "./logs.ts";
import { metricRoutes } from "./metrics.ts";
import { modelRoutes } from "./models.ts";
import { openapiRoute } from "./openapi.ts";
import { ownerRoutes } from "./owners.ts";
import type { Route } from "./route.ts";
import { routingRoutes } from "./routing.ts";
import { tokenRoutes } from "./tokens.ts";

export const adminRoutes: readonly Route[] = [
  ...daemonRoutes,
  ...egressRoutes,
  ...keyRoutes,
  ...ownerRoutes,
  ...tokenRoutes,
  openapiRoute(() => adminRoutes),
  ...logRoutes,
  ...feedRoutes,
  ...metricRoutes,
  ...alertRoutes,
  ...auditRoutes,
  ...configRoutes,
  ...modelRoutes,
  ...routingRoutes,
];
