/** What a request asks of an owner, as what is stored. Hides merging, and which parents a kind may have. */
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { ScopeAttributes, ScopeDefinition, ScopeKind } from "../../governance/definitions.ts";
import type { CreateOwnerRequest, OwnerReference, ParentRequest, UpdateOwnerRequest } from "../contract/owners.ts";
import type { OwnerRows } from "./owner-rows.ts";

const parentKinds = ["customer", "team", "user", "key"] as const;
const metadataMax = 32;

/** undefined: not said; null: none from now on. */
export function parentOf(rows: OwnerRows, request: ParentRequest): ScopeDefinition | null | undefined {
  const said = parentKinds.filter((kind) => request[kind] !== undefined);
  const named = said.filter((kind) => request[kind] !== null);
  if (named.length > 1) {
    const param = named[1]!;
    throw new GatewayError("invalid_request", `give ${named.join(" or ")}, not both: the tree has one way up`, {
      param,
    });
  }
  const [kind] = named;
  if (kind === undefined) return said.length === 0 ? undefined : null;
  return rows.mustFind(kind, request[kind]!, kind);
}

export function referenceTo(rows: OwnerRows, scopeId: number | undefined): OwnerReference | null {
  const scope = scopeId === undefined ? undefined : rows.findById(scopeId);
  return scope === undefined ? null : { kind: scope.kind, id: rows.publicId(scope), name: scope.name };
}

export function newAttributes(kind: ScopeKind, request: CreateOwnerRequest): ScopeAttributes {
  const { description, metadata, models, blocked, disabled, model, provider } = request;
  const isLimit = kind === "model_limit" || kind === "provider_limit";
  return compact({
    description,
    metadata: checked(metadata),
    models,
    blocked,
    disabled,
    match: isLimit ? { provider: provider ?? "*", model: model ?? "*" } : undefined,
  });
}

export function changedAttributes(before: ScopeAttributes = {}, request: Partial<UpdateOwnerRequest>): ScopeAttributes {
  const { description, metadata, models, blocked, disabled } = request;
  const said = <Value>(value: Value | null | undefined, old: Value | undefined) =>
    value === undefined ? old : (value ?? undefined);
  return compact({
    ...before,
    description: said(description, before.description),
    metadata: said(metadata && checked(merged(before.metadata, metadata)), before.metadata),
    models: said(models, before.models),
    blocked: said(blocked, before.blocked),
    disabled: said(disabled, before.disabled),
  });
}

function merged(
  before: Readonly<Record<string, string>> = {},
  change: Readonly<Record<string, string | null>>,
): Readonly<Record<string, string>> {
  const after = Object.entries({ ...before, ...change }).filter(([, value]) => value !== null);
  return Object.fromEntries(after) as Record<string, string>;
}

function checked(metadata: Readonly<Record<string, string>> | undefined) {
  if (metadata === undefined || Object.keys(metadata).length <= metadataMax) return metadata;
  throw new GatewayError("invalid_request", `at most ${metadataMax} names of metadata`, { param: "metadata" });
}

/** Without what says nothing: equal attributes are then equal texts. */
function compact(attributes: ScopeAttributes): ScopeAttributes {
  const isSaid = (value: unknown): boolean => {
    if (value === undefined || value === false || value === "") return false;
    return typeof value !== "object" || value === null || Array.isArray(value) || Object.keys(value).length > 0;
  };
  const entries = Object.entries(attributes).filter(([name, value]) => {
    return isSaid(value) && !(name === "blocked" && (value as readonly string[]).length === 0);
  });
  return Object.fromEntries(entries);
}
