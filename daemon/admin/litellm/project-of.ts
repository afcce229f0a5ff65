/** A project is a user of its team here, with a note that says so: whose keys they are, and no member of the team. */
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { AdminServices } from "../admin-services.ts";
import type { OwnerView } from "../contract/owners.ts";

/** In the metadata of a project, with what it is for, and of its keys. */
export const projectName = "litellm_project";

export function isProject({ metadata }: Pick<OwnerView, "metadata">): boolean {
  return Object.hasOwn(metadata, projectName);
}

/** Where a key of it belongs: it has one way up, so that it is of no user beside. */
export async function projectFor(
  { owners }: AdminServices,
  project: string,
  { team_id: team, user_id: user }: { readonly team_id?: string | null; readonly user_id?: string | null },
): Promise<string> {
  const { owner } = await owners.show("user", project);
  const fault = (param: string, message: string) =>
    new GatewayError("invalid_request", `"${param}": ${message}`, { param });
  if (!isProject(owner)) throw fault("project_id", `"${project}" is a user, and no project`);
  if (user) throw fault("user_id", "a key of a project is of no user here");
  if (team && team !== owner.parent?.name && team !== owner.parent?.id)
    throw fault("team_id", `project "${owner.name}" is of team "${owner.parent?.name ?? "none"}"`);
  return owner.id;
}
