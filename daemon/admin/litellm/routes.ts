/** The table of LiteLLM's management paths. Beside the admin API's own, with which it has nothing in common but services. */
import type { GenerationData } from "../../config/generation.ts";
import type { Route } from "../route.ts";
import { accessGroupRoutes } from "./access-groups.ts";
import { budgetRoutes } from "./budgets.ts";
import { calculateRoute } from "./calculate.ts";
import { keyRoutes } from "./keys.ts";
import { memberRoutes } from "./members.ts";
import { organizationRoutes } from "./organizations.ts";
import { ownerRoutes } from "./owners.ts";
import { projectRoutes } from "./projects.ts";
import { resetAllRoute } from "./reset-all.ts";
import { spendRoutes } from "./spend.ts";
import { spendReportRoutes } from "./spend-report.ts";
import { tagRoutes } from "./tags.ts";
import { teamRightRoutes } from "./team-rights.ts";
import { teamRoutes } from "./teams.ts";

export function litellmRoutes(current: () => GenerationData): readonly Route[] {
  return [
    ...keyRoutes(current),
    ...ownerRoutes(current),
    ...memberRoutes(current),
    ...organizationRoutes(current),
    ...teamRoutes(current),
    ...projectRoutes(current),
    ...accessGroupRoutes(current),
    ...tagRoutes(current),
    ...budgetRoutes(current),
    ...spendRoutes,
    ...spendReportRoutes,
    ...teamRightRoutes,
    resetAllRoute,
    calculateRoute(current),
  ];
}
