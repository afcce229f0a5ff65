/** `/project/*`: what stands between a team and its keys there. Hides that it is a user of the team. */
import { randomUUID } from "node:crypto";
import type { z } from "zod";
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { GenerationData } from "../../config/generation.ts";
import type { AdminServices } from "../admin-services.ts";
import type { OwnerView } from "../contract/owners.ts";
import { type Route, reads } from "../route.ts";
import { body, commonFields, texts, word } from "./fields.ts";
import { modelFields, shownModels, unlimitModels } from "./model-limits.ts";
import { createOwner, idOf, type OwnerBody, type OwnerRow, shownOwner, updateOwner } from "./owner-shape.ts";
import { revokeBelow } from "./owners.ts";
import { post } from "./post.ts";
import { isProject, projectName } from "./project-of.ts";
import { type Query, query } from "./query.ts";

type Ids = { readonly project_ids?: readonly string[] | null };

const row: OwnerRow = {
  ...{ path: "/project", kind: "user", resource: "users" },
  ...{ id: "project_id", alias: "project_alias", ids: "project_ids" },
};
const listMax = 1_000;
const projectsMax = 100_000;
const write = body<z.ZodRawShape, OwnerBody>({
  ...{ ...commonFields, ...modelFields },
  ...{ project_id: word, project_alias: word, description: word, team_id: word },
});
const several = body<{ project_ids: typeof texts }, Ids>({ project_ids: texts });

export function projectRoutes(current: () => GenerationData): readonly Route[] {
  return [
    post<OwnerBody>("/project/new", "users:write", "user.create", write, async (services, request, action) => {
      if (!request["team_id"])
        throw new GatewayError("invalid_request", '"team_id": a project is of a team', { param: "team_id" });
      const id = request["project_id"] || randomUUID();
      const made = { ...described(request, ""), project_id: id };
      return shown(services, await createOwner(services, row, made, action, current()));
    }),
    post<OwnerBody>("/project/update", "users:write", "user.update", write, async (services, request, action) => {
      const { id } = await find(services, idOf(row, request));
      const change = { ...described(request, undefined), project_id: id };
      return shown(services, await updateOwner(services, row, change, action, current()));
    }),
    post<Ids>(
      ...(["/project/delete", "users:write", "user.delete", several] as const),
      async (services, { project_ids: ids }, action) => {
        if (!ids || ids.length === 0)
          throw new GatewayError("invalid_request", "give project_ids", { param: "project_ids" });
        const found: OwnerView[] = [];
        for (const id of ids) found.push(await find(services, id));
        const told: object[] = [];
        for (const owner of found) {
          told.push(await shown(services, owner));
          await revokeBelow(services, "user", owner.id, action);
          await (await unlimitModels(services, { kind: "user", id: owner.id }, action))();
          await services.owners.remove("user", owner.id, action);
        }
        return told;
      },
      "DELETE",
    ),
    reads<Query>({
      ...{
        method: "GET",
        path: "/project/info",
        permission: "users:read",
        reachable: true,
        query: query("project_id"),
      },
      summary: "LiteLLM's /project/info",
      run: async (services, { query: asked }) => shown(services, await find(services, idOf(row, asked))),
    }),
    reads({
      ...{ method: "GET", path: "/project/list", permission: "users:read", reachable: true },
      summary: "LiteLLM's /project/list",
      run: list,
    }),
  ];
}

/** What it is for is the note that makes it one. Unsaid it stays. */
function described(request: OwnerBody, ifUnsaid: string | undefined): OwnerBody {
  const { description = ifUnsaid, ...rest } = request;
  if (description === undefined) return rest;
  return { ...rest, metadata: { ...request.metadata, [projectName]: description ?? "" } };
}

async function find({ owners }: AdminServices, id: string): Promise<OwnerView> {
  const { owner } = await owners.show("user", id);
  if (isProject(owner)) return owner;
  throw new GatewayError("not_found", `there is no project "${id}"`, { param: "project_id" });
}

async function list(services: AdminServices) {
  const all: object[] = [];
  let seen = 0;
  for (let after: string | undefined; ; ) {
    const page = await services.owners.list("user", { limit: listMax, ...(after === undefined ? {} : { after }) });
    for (const owner of page.owners) if (isProject(owner)) all.push(await shown(services, owner));
    seen += page.owners.length;
    if (page.next === null) return all;
    if (seen >= projectsMax)
      throw new GatewayError("invalid_request", `more than ${projectsMax} users: ask by project with /project/info`);
    after = page.next;
  }
}

async function shown(services: AdminServices, owner: OwnerView) {
  const { teams: _, user_role: _role, organization_id: _organization, ...view } = shownOwner(row, owner);
  return {
    ...view,
    ...(await shownModels(services, { kind: "user", id: owner.id })),
    description: owner.metadata[projectName] || null,
    team_id: owner.parent?.kind === "team" ? owner.parent.name : null,
    litellm_budget_table: Object.fromEntries(budgetWords.map((name) => [name, view[name] ?? null])),
  };
}

const budgetWords = ["budget_id", "max_budget", "budget_duration", "tpm_limit", "rpm_limit", "max_parallel_requests"];
