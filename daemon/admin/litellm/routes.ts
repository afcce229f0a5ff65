/** The table of LiteLLM's management paths. Beside the admin API's own, with which it has nothing in common but services. */
import type { GenerationData } from "../../config/generation.ts";
import type { Route } from "../route.ts";
import { budgetRoutes } from "./budgets.ts";
import { keyRoutes } from "./keys.ts";
import { memberRoutes } from "./members.ts";
import { ownerRoutes } from "./owners.ts";
import { spendRoutes } from "./spend.ts";

export function litellmRoutes(current: () => GenerationData): readonly Route[] {
  const routes = [...keyRoutes(current), ...ownerRoutes(current), ...memberRoutes(current), ...budgetRoutes(current)];
  return [...routes, ...spendRoutes];
}
