/** Routes of admin tokens, and what their requests may hold. */
import { z } from "zod";
import type { CreateTokenRequest, TokenListQuery, UpdateTokenRequest } from "./contract/tokens.ts";
import { changes, fields, queryFields, type Route, reads, strict } from "./route.ts";
import { nameField, scopeFields } from "./scope-fields.ts";

const granted = {
  permissions: z.array(fields.text(64)).max(100).optional(),
  role: z.enum(["admin", "operator", "viewer"]).optional(),
};
const create = strict<CreateTokenRequest>({
  name: nameField("tok_"),
  ...granted,
  expires_in_ms: fields.durationMs().optional(),
  customer: scopeFields.reference.optional(),
  team: scopeFields.reference.optional(),
  user: scopeFields.reference.optional(),
}).refine(({ permissions, role }) => (permissions === undefined) !== (role === undefined), {
  path: ["permissions"],
  message: "give permissions or a role",
});

const update = strict<UpdateTokenRequest>({
  name: nameField("tok_").optional(),
  ...granted,
  expires_in_ms: fields.durationMs().optional(),
  expires_at_ms: fields.epochMs().nullable().optional(),
})
  .refine(({ permissions, role }) => permissions === undefined || role === undefined, {
    path: ["permissions"],
    message: "give permissions or a role",
  })
  .refine(({ expires_in_ms, expires_at_ms }) => expires_in_ms === undefined || expires_at_ms === undefined, {
    path: ["expires_at_ms"],
    message: "give expires_in_ms or expires_at_ms, not both",
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
  reads({
    method: "GET",
    path: "/api/tokens/{token}",
    permission: "tokens:read",
    summary: "Show an admin token, by id or name",
    reachable: true,
    run: (services, { params }) => services.tokens.show(params["token"]!),
  }),
  changes<UpdateTokenRequest>({
    method: "PATCH",
    path: "/api/tokens/{token}",
    permission: "tokens:write",
    action: "token.update",
    summary: "Change an admin token's name, permissions or end, as far as who changes it may go; what is absent stays",
    reachable: true,
    body: update,
    run: (services, { params, body, action }) => services.tokens.update(params["token"]!, body, action),
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
