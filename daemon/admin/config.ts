/** Routes of the config: validate, schema, diff, history, rollback. */
import type { ConfigDiffQuery, ConfigRollbackRequest, ConfigValidateRequest } from "./contract/config.ts";
import { asks, changes, fields, queryFields, type Route, reads, strict } from "./route.ts";

const generationMax = 1_000_000_000;
const configCharactersMax = 1_000_000;
const pathCharactersMax = 4_096;

const validate = strict<ConfigValidateRequest>({
  text: fields.text(configCharactersMax).optional(),
  path: fields.text(pathCharactersMax).optional(),
});
const diff = strict<ConfigDiffQuery>({
  from: queryFields.count(1, generationMax).optional(),
  to: queryFields.count(1, generationMax).optional(),
});
const rollback = strict<ConfigRollbackRequest>({ generation: fields.count(1, generationMax) });

export const configRoutes: readonly Route[] = [
  asks<ConfigValidateRequest>({
    method: "POST",
    path: "/api/config/validate",
    permission: "config:read",
    summary: "Check a config without using it",
    body: validate,
    run: (services, { body }) => services.config.validate(body),
  }),
  reads({
    method: "GET",
    path: "/api/config/schema",
    permission: "config:read",
    summary: "JSON Schema of the config file",
    run: (services) => services.config.schema(),
  }),
  reads<ConfigDiffQuery>({
    method: "GET",
    path: "/api/config/diff",
    permission: "config:read",
    summary: "What differs between what runs, the file on disk and older generations",
    query: diff,
    run: (services, { query }) => services.config.diff(query),
  }),
  reads({
    method: "GET",
    path: "/api/config/history",
    permission: "config:read",
    summary: "Generations that were served, newest first",
    run: (services) => services.config.history(),
  }),
  changes<ConfigRollbackRequest>({
    method: "POST",
    path: "/api/config/rollback",
    permission: "config:write",
    action: "config.rollback",
    summary: "Serve an older generation again",
    body: rollback,
    run: (services, { body, action }) => services.config.rollback(body, action),
  }),
];
