/** Budgets that keys and owners are given by name: made, changed, listed, and who was given them. */
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { Action, BudgetTemplate, TemplateServices } from "../admin-services.ts";
import type { OwnerKind } from "../contract/owners.ts";
import type { StoreAccess } from "./store-access.ts";
import type { Turns } from "./turns.ts";

/** In the metadata of whoever was given one. */
export const templateName = "litellm_budget_id";

type Row = {
  readonly id: string;
  readonly fields: string;
  readonly created_at: number;
  readonly updated_at: number;
  readonly created_by: string;
  readonly updated_by: string;
};

export function createTemplateService(access: StoreAccess, inTurn: Turns): TemplateServices {
  const columns = "id, fields, created_at, updated_at, created_by, updated_by";
  const read = (where: string, ...values: unknown[]): readonly BudgetTemplate[] =>
    (
      access
        .database()
        .prepare(`SELECT ${columns} FROM budget_templates ${where}`)
        .all(...values) as Row[]
    ).map(({ fields, created_at, updated_at, ...rest }) => ({
      ...rest,
      fields: JSON.parse(fields) as BudgetTemplate["fields"],
      created_at_ms: created_at,
      updated_at_ms: updated_at,
    }));

  function find(id: string): BudgetTemplate {
    const [found] = read("WHERE id = ?", id);
    if (found !== undefined) return found;
    throw new GatewayError("not_found", `there is no budget "${id}"`, { param: "budget_id" });
  }

  async function put(id: string, fields: BudgetTemplate["fields"], isNew: boolean, action: Action) {
    await access.execute({ kind: "put_template", id, fields, isNew }, action.actor);
    action.recorded();
    return find(id);
  }

  function given(id: string): readonly { readonly kind: OwnerKind | "key"; readonly id: string }[] {
    const sql = `SELECT s.kind, coalesce(k.public_id, s.public_id) AS id
      FROM scopes s LEFT JOIN keys k ON k.scope_id = s.id
      WHERE s.deleted_at IS NULL AND instr(s.attributes, '"${templateName}"') > 0
        AND json_extract(s.attributes, '$.metadata.${templateName}') = ?
        AND (s.kind <> 'key' OR (k.revoked_at IS NULL AND k.deleted_at IS NULL)) ORDER BY s.id`;
    return access.database().prepare(sql).all(id) as { kind: OwnerKind | "key"; id: string }[];
  }

  return {
    create: (id, fields, action) => inTurn(() => put(id, fields, true, action)),
    update: (id, fields, action) => inTurn(() => put(id, fields, false, action)),
    show: async (id) => find(id),
    list: async () => read("ORDER BY created_at, id"),
    given: async (id) => given(id),
    remove: (id, action) =>
      inTurn(async () => {
        const found = find(id);
        const [first, ...more] = given(id);
        if (first !== undefined) {
          const others = more.length === 0 ? "" : ` and ${more.length} more`;
          const message = `budget "${id}" binds ${first.kind.replace("_", " ")} ${first.id}${others}: give them another first, or they would be without`;
          throw new GatewayError("conflict", message, { param: "id" });
        }
        await access.execute({ kind: "delete_template", id }, action.actor);
        action.recorded();
        return found;
      }),
  };
}
