/** Routes of the models on offer. */
import type { ModelsQuery } from "./contract/models.ts";
import { queryFields, type Route, reads, strict } from "./route.ts";

const query = strict<ModelsQuery>({ provider: queryFields.text(128).optional() });

export const modelRoutes: readonly Route[] = [
  reads<ModelsQuery>({
    method: "GET",
    path: "/api/models",
    permission: "models:read",
    summary: "Models with their prices and context windows, and the aliases",
    reachable: true,
    query,
    run: (services, input) => services.models.list(input.query),
  }),
];
