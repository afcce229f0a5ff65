/** Routes of admin tokens, and what their requests may hold. */
import { z } from "zod";
import type { CreateTokenRequest, TokenListQuery } from "./contract/tokens.ts";
import { changes, fields, queryFields, type Route, reads, strict } from "./route.ts";
import { nameField, scopeFields } from "./scope-fields.ts";

const create = strict<CreateTokenRequest>({
  name: nameField("tok_"),
  permissions: z.array(fields.text(64)).max(100).optional(),
  role: z.enum(["admin", "operator", "viewer"]).optional(),
  expires_in_ms: fields.durationMs().optional(),
  customer: scopeFields.reference.optional(),
  team: scopeFields.reference.optional(),
  user: scopeFields.reference.optional(),
}).refine(({ permissions, role }) => (permissions === undefined) !== (role === undefined), {
  path: ["permissions"],
  message: "give permissions or a role",
});

const list = strict<TokenListQuery>({
  limit: queryFields.count(1, 1_000).optional(),
  after: queryFields.text(64).optional(),
  search: queryFields.text(128).optional(),
});

export const tokenRoutes: readonly Route[] = [
  reads<TokenListQuery>({
    method: "GET",
    path: "/api/tokens",
    permission: "tokens:read",
    summary: "List admin tokens, newest first",
    reachable: true,
    query: list,
    run: (services, { query }) => services.tokens.list(query),
  }),
  changes<CreateTokenRequest>({
    method: "POST",
    path: "/api/tokens",
    permission: "tokens:write",
    action: "token.create",
    summary: "Make an admin token that may do no more than its maker; the answer is the only one that holds its secret",
    reachable: true,
    body: create,
    run: (services, { body, action }) => services.tokens.create(body, action),
  }),
  changes({
    method: "DELETE",
    path: "/api/tokens/{token}",
    permission: "tokens:write",
    action: "token.revoke",
    summary: "Revoke an admin token for good that may do no more than who revokes it",
    reachable: true,
    run: (services, { params, action }) => services.tokens.revoke(params["token"]!, action),
  }),
];
