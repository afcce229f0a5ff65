/**
 * What keys and owners are given by name: budgets, and groups of models. Made, changed, listed, and who was given them.
 * Hides that both are rows of one table, told apart by how their ids begin.
 */
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { TemplateResource } from "../../store/commands/command.ts";
import type { Action, BudgetTemplate, TemplateServices } from "../admin-services.ts";
import type { OwnerKind } from "../contract/owners.ts";
import type { StoreAccess } from "./store-access.ts";
import type { Turns } from "./turns.ts";

/** In the metadata of whoever was given a budget. */
export const templateName = "litellm_budget_id";
/** In the metadata of whoever was given groups of models: all the names that were asked for, as a list in JSON. */
export const askedModelsName = "litellm_models";

const groupPrefix = "access_group:";
type Noun = {
  readonly noun: string;
  readonly resource: TemplateResource;
  readonly param: string;
  readonly prefix: string;
  /** In SQL: the metadata in question, and what of it is the id. */
  readonly field: string;
  readonly holds: string;
};
const budgets: Noun = {
  ...{ noun: "budget", resource: "budget", param: "budget_id", prefix: "", field: templateName },
  holds: `json_extract(s.attributes, '$.metadata.${templateName}') = ?`,
};
const groups: Noun = {
  ...{
    noun: "access group",
    resource: "access_group",
    param: "access_group",
    prefix: groupPrefix,
    field: askedModelsName,
  },
  // Anybody may write anything into metadata.
  holds: `CASE WHEN json_valid(json_extract(s.attributes, '$.metadata.${askedModelsName}')) THEN EXISTS
          (SELECT 1 FROM json_each(json_extract(s.attributes, '$.metadata.${askedModelsName}')) WHERE value = ?) END`,
};

type Row = {
  readonly id: string;
  readonly fields: string;
  readonly created_at: number;
  readonly updated_at: number;
  readonly created_by: string;
  readonly updated_by: string;
};

export function createTemplateServices(access: StoreAccess, inTurn: Turns) {
  return { templates: serviceOf(budgets, access, inTurn), groups: serviceOf(groups, access, inTurn) };
}

function serviceOf(
  { noun, resource, param, prefix, field, holds }: Noun,
  access: StoreAccess,
  inTurn: Turns,
): TemplateServices {
  const isOurs = (id: string) => id.startsWith(groupPrefix) === (prefix === groupPrefix);
  const columns = "id, fields, created_at, updated_at, created_by, updated_by";
  const read = (where: string, ...values: unknown[]): readonly BudgetTemplate[] =>
    (
      access
        .database()
        .prepare(`SELECT ${columns} FROM budget_templates ${where}`)
        .all(...values) as Row[]
    ).flatMap(({ id, fields, created_at, updated_at, ...rest }) =>
      !isOurs(id)
        ? []
        : {
            ...rest,
            id: id.slice(prefix.length),
            fields: JSON.parse(fields) as BudgetTemplate["fields"],
            created_at_ms: created_at,
            updated_at_ms: updated_at,
          },
    );

  function find(id: string): BudgetTemplate {
    const [found] = read("WHERE id = ?", prefix + id);
    if (found !== undefined) return found;
    throw new GatewayError("not_found", `there is no ${noun} "${id}"`, { param });
  }

  async function put(id: string, fields: BudgetTemplate["fields"], isNew: boolean, action: Action) {
    if (!isOurs(prefix + id))
      throw new GatewayError("invalid_request", `"${param}": "${groupPrefix}" is how groups of models begin`, {
        param,
      });
    if (isNew && read("WHERE id = ?", prefix + id).length > 0) {
      const what = resource === "budget" ? "a budget" : "an access group";
      throw new GatewayError("conflict", `there is ${what} "${id}" already`, { param });
    }
    if (!isNew) find(id);
    await access.execute({ kind: "put_template", id: prefix + id, fields, isNew, resource }, action.actor);
    action.recorded();
    return find(id);
  }

  function given(id: string): readonly { readonly kind: OwnerKind | "key"; readonly id: string }[] {
    const sql = `SELECT s.kind, coalesce(k.public_id, s.public_id) AS id
      FROM scopes s LEFT JOIN keys k ON k.scope_id = s.id
      WHERE s.deleted_at IS NULL AND instr(s.attributes, '"${field}"') > 0
        AND ${holds}
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
          const message = `${noun} "${id}" binds ${first.kind.replace("_", " ")} ${first.id}${others}: give them another first, or they would be without`;
          throw new GatewayError("conflict", message, { param: "id" });
        }
        await access.execute({ kind: "delete_template", id: prefix + id, resource }, action.actor);
        action.recorded();
        return found;
      }),
  };
}
