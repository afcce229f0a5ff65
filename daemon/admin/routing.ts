/** Routes about routing and prices: what would be decided, the rules, and prices in place of the catalog's. */
import { z } from "zod";
import { operations } from "../../providers/operation.ts";
import { price } from "../config/schema/ledger.ts";
import { rule } from "../config/schema/routing.ts";
import type {
  CreatePriceRequest,
  CreateRuleRequest,
  OwnListQuery,
  RouteTestRequest,
  UpdatePriceRequest,
  UpdateRuleRequest,
} from "./contract/routing.ts";
import { asks, changes, fields, later, queryFields, type Route, reads, strict } from "./route.ts";
import { nameField, scopeFields } from "./scope-fields.ts";

const tokensMax = 100_000_000;

const test = () =>
  strict<RouteTestRequest>({
    model: fields.text(512),
    key: fields.text(256).optional(),
    headers: z.record(z.string(), z.string()).optional(),
    body: z.record(z.string(), z.unknown()).optional(),
    stream: z.boolean().optional(),
    tokens: fields.count(0, tokensMax).optional(),
    max_tokens: fields.count(1, tokensMax).optional(),
    request_type: z.enum(operations).optional(),
  });

const list = () =>
  strict<OwnListQuery>({
    limit: queryFields.count(1, 1_000).optional(),
    after: queryFields.text(256).optional(),
    offset: queryFields.count(0, 1_000_000).optional(),
    search: queryFields.text(128).optional(),
    sort_by: z.enum(["name", "priority"]).optional(),
    order: z.enum(["asc", "desc"]).optional(),
  });

const ruleFields = () => ({ ...rule.shape, name: nameField("rule_"), description: scopeFields.description.optional() });
const createRule = () => z.strictObject(ruleFields()) as unknown as z.ZodType<CreateRuleRequest>;
const updateRule = later(() => {
  const shape = ruleFields();
  return z.strictObject({ ...orNull(shape), name: shape.name.optional() }) as unknown as z.ZodType<UpdateRuleRequest>;
});
const match = () => fields.text(256);
const createPrice = () =>
  z.strictObject({
    match: match(),
    description: scopeFields.description.optional(),
    price,
  }) as unknown as z.ZodType<CreatePriceRequest>;
const updatePrice = later(
  () =>
    z.strictObject({
      match: match().optional(),
      description: scopeFields.description.nullable().optional(),
      price: z.strictObject(orNull(price.shape)).optional(),
    }) as unknown as z.ZodType<UpdatePriceRequest>,
);

export const routingRoutes: readonly Route[] = [
  asks<RouteTestRequest>({
    method: "POST",
    path: "/api/route/test",
    permission: "models:read",
    summary: "Where a request would go now, and why; nothing is sent",
    body: test,
    run: (services, { body }) => services.routing.test(body),
  }),
  ...["/api/routing/rules", "/api/governance/routing-rules"].flatMap(ruleRoutes),
  ...priceRoutes("/api/governance/pricing-overrides"),
];

function ruleRoutes(path: string): readonly Route[] {
  const one = `${path}/{rule}`;
  const change = (method: "PATCH" | "PUT", summary: string): Route =>
    changes<UpdateRuleRequest>({
      ...{ method, path: one, permission: "config:write", action: "routing_rule.update", summary },
      body: updateRule,
      run: ({ ownConfig }, { params, body, action }) => ownConfig.rules.update(params["rule"]!, body, action),
    });
  return [
    reads<OwnListQuery>({
      ...{ method: "GET", path, permission: "models:read", query: list },
      summary: "List routing rules, the config file's and the database's, and how often each held",
      run: ({ ownConfig }, { query }) => ownConfig.rules.list(query),
    }),
    changes<CreateRuleRequest>({
      ...{ method: "POST", path, permission: "config:write", action: "routing_rule.create", body: createRule },
      summary: "Make a routing rule, in force when this answers",
      run: ({ ownConfig }, { body, action }) => ownConfig.rules.create(body, action),
    }),
    reads({
      ...{ method: "GET", path: one, permission: "models:read", summary: "Show a routing rule, by id or name" },
      run: ({ ownConfig }, { params }) => ownConfig.rules.show(params["rule"]!),
    }),
    change("PATCH", "Change a routing rule; what is absent stays"),
    change("PUT", "The same as PATCH: what is absent stays"),
    changes({
      ...{ method: "DELETE", path: one, permission: "config:write", action: "routing_rule.delete" },
      summary: "Remove a routing rule",
      run: ({ ownConfig }, { params, action }) => ownConfig.rules.remove(params["rule"]!, action),
    }),
  ];
}

function priceRoutes(path: string): readonly Route[] {
  const one = `${path}/{override}`;
  const change = (method: "PATCH" | "PUT", summary: string): Route =>
    changes<UpdatePriceRequest>({
      ...{ method, path: one, permission: "config:write", action: "price.update", summary },
      body: updatePrice,
      run: ({ ownConfig }, { params, body, action }) => ownConfig.prices.update(params["override"]!, body, action),
    });
  return [
    reads<OwnListQuery>({
      ...{ method: "GET", path, permission: "models:read", query: list },
      summary: "List prices that stand in place of the catalog's, the config file's and the database's",
      run: ({ ownConfig }, { query }) => ownConfig.prices.list(query),
    }),
    changes<CreatePriceRequest>({
      ...{ method: "POST", path, permission: "config:write", action: "price.create" },
      summary: "Give a model, or all of a provider, a price; settled requests keep theirs",
      body: createPrice,
      run: ({ ownConfig }, { body, action }) => ownConfig.prices.create(body, action),
    }),
    reads({
      ...{ method: "GET", path: one, permission: "models:read" },
      summary: "Show a price, by id or by what it is of",
      run: ({ ownConfig }, { params }) => ownConfig.prices.show(params["override"]!),
    }),
    change("PATCH", "Change a price; rates that are absent stay, null takes one away"),
    change("PUT", "The same as PATCH: what is absent stays"),
    changes({
      ...{ method: "DELETE", path: one, permission: "config:write", action: "price.delete" },
      summary: "Remove a price: the catalog's counts again",
      run: ({ ownConfig }, { params, action }) => ownConfig.prices.remove(params["override"]!, action),
    }),
  ];
}

/** True PATCH: absent stays, null takes away. */
function orNull(shape: Readonly<Record<string, z.ZodType>>): Record<string, z.ZodType> {
  return Object.fromEntries(Object.entries(shape).map(([name, type]) => [name, type.nullable().optional()]));
}
