/**
 * How far a token reaches that is bound to an owner: it sees that owner and what is below it, and changes what is below
 * it alone. Hides how the tree is walked. What is out of reach is answered as if it did not exist.
 */
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { ScopeDefinition } from "../../governance/definitions.ts";
import type { Database } from "../../store/database.ts";
import type { Reach } from "../admin-services.ts";

/** Ids of the scopes in reach, to stand after `IN`; its one value is the owner's. Ends where the tree has a loop. */
export const scopesInReach = `(WITH RECURSIVE below (id) AS (
  VALUES (?)
  UNION SELECT scopes.id FROM scopes JOIN below ON scopes.parent_id = below.id WHERE scopes.deleted_at IS NULL
) SELECT id FROM below)`;

/** Walks up: an owner may have 100,000 keys, a key has few owners. */
export function isInReach(database: Database, reach: Reach, scopeId: number): boolean {
  const sql = `WITH RECURSIVE up (id, parent_id) AS (
    SELECT id, parent_id FROM scopes WHERE id = ?
    UNION SELECT scopes.id, scopes.parent_id FROM scopes JOIN up ON scopes.id = up.parent_id
  ) SELECT 1 FROM up WHERE id = ?`;
  return database.prepare(sql).get(scopeId, reach.scopeId) !== undefined;
}

/** Its own numbers were given to it from above, and so were limits that count all that is below it. */
export function assertBelow(reach: Reach | undefined, scope: Pick<ScopeDefinition, "id" | "kind" | "parentId">): void {
  if (reach === undefined) return;
  const isOwn = scope.kind === "model_limit" && scope.parentId === reach.scopeId;
  if (scope.id !== reach.scopeId && !isOwn) return;
  throw new GatewayError("permission_denied", `this token changes what is below ${nameOf(reach)}, not what binds it`);
}

/** Where something new or moved belongs: what names no parent belongs to the owner itself, where its kind may. */
export function parentWithin(
  reach: Reach | undefined,
  parent: ScopeDefinition | null | undefined,
  kinds: readonly string[],
): ScopeDefinition | { readonly id: number } | null | undefined {
  if (reach === undefined || (parent !== undefined && parent !== null)) return parent;
  if (parent === undefined && kinds.includes(reach.kind)) return { id: reach.scopeId };
  throw new GatewayError("permission_denied", `this token makes nothing that is not below ${nameOf(reach)}`);
}

/** `team "research"` */
export function nameOf({ kind, name }: Reach): string {
  return `${kind} "${name}"`;
}
