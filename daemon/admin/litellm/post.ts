/** LiteLLM changes nearly everything with POST. Hides what its routes have in common. */
import type { z } from "zod";
import type { Action, AdminServices, Permission } from "../admin-services.ts";
import { changes, type Route } from "../route.ts";

type Run<Body> = (
  services: AdminServices,
  request: Body,
  action: Action,
  params: Readonly<Record<string, string>>,
) => Promise<unknown>;

export function post<Body>(
  path: string,
  permission: Permission,
  action: string,
  body: z.ZodType<Body>,
  run: Run<Body>,
  method: "POST" | "PUT" | "PATCH" | "DELETE" = "POST",
): Route {
  return changes<Body>({
    ...{ method, path, permission, action, body },
    summary: `LiteLLM's ${path}`,
    reachable: true,
    run: (services, { body: request, action: done, params }) => run(services, request, done, params),
  });
}
