/** `allowed_routes` of LiteLLM's keys → operations. Hides that a path is one vendor's words for one of them. */
import type { Operation } from "../../providers/operation.ts";
import { operations } from "../../providers/operation.ts";
import { callRoutes } from "../http/routes.ts";

/** LiteLLM's names for all that models are called by, and for what a key may ask anyway. */
const everything: ReadonlySet<string> = new Set(["llm_api_routes", "openai_routes", "*"]);
const always: ReadonlySet<string> = new Set(["info_routes", "/models", "/v1/models", "/key/info", "/health"]);

/** `asked` undefined: all, as none are there. `unknown`: what no key may ask here. */
export function operationsFor(routes: readonly string[]): {
  readonly asked: readonly Operation[] | undefined;
  readonly unknown: readonly string[];
} {
  const unknown: string[] = [];
  const asked = routes.flatMap((route): readonly Operation[] => {
    if (always.has(route) || everything.has(route)) return [];
    if ((operations as readonly string[]).includes(route)) return [route as Operation];
    const start = route.endsWith("/*") ? route.slice(0, -1) : undefined;
    const found = [...callRoutes].filter(([path]) => (start === undefined ? path === route : path.startsWith(start)));
    if (found.length === 0) unknown.push(route);
    return found.map(([, { operation }]) => operation);
  });
  const isAll = routes.length === 0 || routes.some((route) => everything.has(route));
  return { asked: isAll ? undefined : [...new Set(asked)], unknown };
}
