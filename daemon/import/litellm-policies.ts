/** What bound a row of LiteLLM's database, or was said of it, and has no field here. Hides which columns are understood. */
import { isOn, recordOf, textOf } from "./draft.ts";
import { secretHeader } from "./litellm-account.ts";
import { saidIn } from "./litellm-bounds.ts";
import type { numbersOf } from "./litellm-numbers.ts";
import { soundsBinding } from "./report.ts";
import type { Row } from "./table.ts";

type Values = Row["values"];
type Say = Parameters<typeof numbersOf>[2];

/** With our own an owner has no more than 32. */
const textsMax = 28;

/** What bound a caller, and has no counterpart. */
const policies: readonly (readonly [string, string])[] = [
  ["permissions", "permissions have no counterpart"],
  ["object_permission_id", "permissions for tools and stores have no counterpart"],
  ["guardrails", "guardrails are not part of this build"],
  ["policies", "guardrails are not part of this build"],
  ["project_id", "projects have no counterpart, and its limits are not known"],
  ["agent_id", "agents have no counterpart, and its limits are not known"],
  ["access_group_ids", "access groups have no counterpart"],
  ["tag_rpm_limit", "limits of tags: write them under governance.tags"],
  ["tag_tpm_limit", "limits of tags: write them under governance.tags"],
  ["mcp_rpm_limit", "limits of MCP servers have no counterpart"],
  ["mcp_tpm_limit", "limits of MCP servers have no counterpart"],
  ["allowed_vector_store_indexes", "permissions for stores have no counterpart"],
  ["allowed_passthrough_routes", "pass-through is an operation, whatever its path"],
  ["allowed_cache_controls", "which cache controls a key may use is not configured"],
  ["allowed_model_region", "where a customer's models are is not configured"],
];

/** Taken over, or saying nothing of what may be done. */
const understood = new Set(
  (
    "token key_name key_alias spend expires models user_id team_id organization_id budget_id metadata blocked max_budget " +
    "soft_budget budget_duration budget_reset_at budget_limits tpm_limit rpm_limit max_parallel_requests aliases " +
    "model_aliases allowed_routes enforced_params model_max_budget model_rpm_limit model_tpm_limit created_at created_by updated_at updated_by last_active soft_budget_cooldown model_spend " +
    "team_alias organization_alias user_alias user_email user_role alias admins members members_with_roles teams sso_user_id " +
    "team_member_budget_id rotation_count last_rotation_at team_member_permissions default_model model_id password invitation_links"
  ).split(" "),
);

export function reportPolicy(values: Values, say: Say, kind: string): void {
  const metadata = recordOf(values["metadata"]);
  for (const [key, why] of policies)
    if (isOn(values[key]) || isOn(metadata[key])) say("dropped", `${key}: ${why}`, true);
  for (const [key, value] of Object.entries(values))
    if (isOn(value) && !understood.has(key) && !policies.some(([name]) => name === key))
      say("dropped", `${key}: is not known here`, soundsBinding(key));
  if (kind !== "key" && isOn(saidIn(values, "enforced_params")))
    say("dropped", "enforced_params: what a request must hold is said of each key", true);
  if (isOn(values["model_aliases"]) || (kind !== "key" && isOn(values["aliases"])))
    say("dropped", "aliases of a team: write them under aliases, or give them to its keys");
}

export function metadataOf(values: Values, say: Say): Record<string, string> {
  const user = textOf(values["user_id"]);
  const created = textOf(values["created_by"]);
  return {
    imported_from: "litellm",
    ...(user === undefined ? {} : { user_id: user.slice(0, 512) }),
    ...(created === undefined ? {} : { created_by: created.slice(0, 512) }),
    ...textsIn(values, say),
  };
}

/** What the metadata of a row says in words: the rest is settings of LiteLLM's own, or may hold a secret. */
export function textsIn(values: Values, say: Say): Record<string, string> {
  const known = new Set([...policies.map(([name]) => name), ...understood]);
  const said = Object.entries(recordOf(values["metadata"])).filter(([name, value]) => isOn(value) && !known.has(name));
  const isKept = ([name, value]: [string, unknown]) =>
    typeof value === "string" && name.length <= 64 && value.length <= 512 && !secretHeader.test(name);
  const kept = said.filter(isKept).slice(0, textsMax) as [string, string][];
  const lost = said.filter(([name]) => !kept.some(([each]) => each === name)).map(([name]) => name);
  if (lost.length > 0) say("dropped", `metadata: ${lost.join(", ")}`, lost.some(soundsBinding));
  return Object.fromEntries(kept);
}
