/** `/team/permissions_*`: what members of a team may do with keys. Hides that here they may ask about their own, and no more. */
import { z } from "zod";
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { AdminServices } from "../admin-services.ts";
import { type Route, reads } from "../route.ts";
import { body } from "./fields.ts";
import { shownOwner, teams } from "./owner-shape.ts";
import { post } from "./post.ts";
import { type Query, query } from "./query.ts";

type Rights = { readonly team_id: string; readonly team_member_permissions: readonly string[] };

/** What a key may ask of itself, whoever holds it: nobody gives that, and nobody takes it. */
const given = ["/key/info", "/key/health"] as const;
const fields = { team_id: z.string().min(1).max(512), team_member_permissions: z.array(z.string().max(512)).max(100) };
const update = body<typeof fields, Rights>(fields);

export const teamRightRoutes: readonly Route[] = [
  reads<Query>({
    ...{ method: "GET", path: "/team/permissions_list", permission: "teams:read", reachable: true },
    query: query("team_id"),
    summary: "LiteLLM's /team/permissions_list",
    async run({ owners }: AdminServices, { query: { team_id: id } }) {
      if (id === undefined) throw new GatewayError("invalid_request", '"team_id": which one?', { param: "team_id" });
      const { owner } = await owners.show("team", id);
      return { team_id: owner.name, team_member_permissions: given, all_available_permissions: given };
    },
  }),
  post<Rights>("/team/permissions_update", "teams:write", "team.update", update, async ({ owners }, request) => {
    const { owner } = await owners.show("team", request.team_id);
    const param = "team_member_permissions";
    const other = request.team_member_permissions.find((each) => !given.some((own) => own === each));
    if (other !== undefined) {
      const message = `"${param}": "${other}" takes an admin token that is bound to the team: bifrost tokens create --team ${owner.name}`;
      throw new GatewayError("invalid_request", message, { param });
    }
    return { ...shownOwner(teams, owner), [param]: given };
  }),
];
