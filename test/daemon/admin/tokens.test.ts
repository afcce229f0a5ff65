/** Who may call what of the admin API: every route against every role, and that nobody gives away more than they have. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { AdminRequest } from "../../../daemon/admin/contract/calling.ts";
import type { TokenListAnswer, TokenSecretAnswer } from "../../../daemon/admin/contract/tokens.ts";
import { litellmRoutes } from "../../../daemon/admin/litellm/routes.ts";
import { describe } from "../../../daemon/admin/openapi.ts";
import { type Permission, permissions, type Role, roles } from "../../../daemon/admin/permissions.ts";
import { createRouter } from "../../../daemon/admin/router.ts";
import { adminRoutes } from "../../../daemon/admin/routes.ts";
import { createAuthenticate, grantedBy } from "../../../daemon/admin/services/tokens.ts";
import type { GenerationData } from "../../../daemon/config/generation.ts";
import { GatewayError } from "../../../providers/gateway-error.ts";
import { openLab } from "./admin-lab.ts";

const pathOf = (path: string) => path.replaceAll(/\{\w+\}/g, "none");

for (const role of Object.keys(roles) as Role[]) {
  test(`A35 roles let ${role} call what its permissions name, and nothing else`, async () => {
    const lab = openLab();
    try {
      for (const route of adminRoutes) {
        assert.ok(permissions.includes(route.permission), `${route.path} names a permission that exists`);
        const caller = { actor: `token:${role}`, permissions: roles[role] };
        const answer = await lab.handle({ method: route.method, path: `${pathOf(route.path)}?surprise=1` }, caller);
        const isRefused = answer.status === 403;
        const at = `${role} ${route.method} ${route.path}`;
        assert.equal(isRefused, !roles[role].has(route.permission), at);
        if (role === "viewer" && route.action !== undefined) assert.ok(isRefused, `${at} changes something`);
      }
    } finally {
      await lab.close();
    }
  });
}

test("A35 router() lets a token with one permission call the routes of that one, and no other", async () => {
  const lab = openLab();
  try {
    for (const permission of permissions) {
      const caller = { actor: `token:${permission}`, permissions: new Set([permission]) };
      for (const route of adminRoutes) {
        const answer = await lab.handle({ method: route.method, path: `${pathOf(route.path)}?surprise=1` }, caller);
        const at = `${permission} ${route.method} ${route.path}`;
        assert.equal(answer.status === 403, route.permission !== permission, at);
      }
    }
  } finally {
    await lab.close();
  }
});

for (const role of Object.keys(roles) as Role[]) {
  test(`A35 roles let ${role} call what its permissions name of LiteLLM's paths, and nothing else`, async () => {
    const lab = openLab();
    const routes = litellmRoutes(() => ({}) as GenerationData);
    const handle = createRouter({
      ...{ services: lab.services, routes, now: () => lab.clock },
      ...{ faultId: () => "flt_", onFault: () => undefined },
    });
    try {
      assert.ok(routes.length > 50);
      for (const route of routes) {
        assert.ok(permissions.includes(route.permission), `${route.path} names a permission that exists`);
        const caller = { actor: `token:${role}`, permissions: roles[role] };
        const answer = await handle({ method: route.method, path: pathOf(route.path) }, caller);
        const at = `${role} ${route.method} ${route.path}`;
        assert.equal(answer.status === 403, !roles[role].has(route.permission), at);
        if (role === "viewer" && route.action !== undefined) assert.equal(answer.status, 403, at);
      }
    } finally {
      await lab.close();
    }
  });
}

test("A34 grantedBy() never grants what the maker does not have", () => {
  const some = fc.subarray([...permissions]);
  fc.assert(
    fc.property(some, some, fc.constantFrom("none", "*", "admin", "operator", "viewer"), (own, asked, also) => {
      const maker = new Set<Permission>(own);
      const role = also in roles ? (also as Role) : undefined;
      const request = role === undefined ? { permissions: also === "*" ? ["*"] : asked } : { role };
      try {
        for (const granted of grantedBy(request, maker)) assert.ok(maker.has(granted));
      } catch (error) {
        assert.ok(error instanceof GatewayError && error.code === "permission_denied");
        const wanted = role === undefined ? (also === "*" ? permissions : asked) : [...roles[role]];
        assert.ok(
          wanted.some((each) => !maker.has(each)),
          "it is refused only where it would be more",
        );
      }
    }),
  );
});

test("A34 a token makes none that may do more or lives longer, and what it makes is under its owner", async () => {
  const lab = openLab();
  const ask = async (secret: string | undefined, request: AdminRequest) => {
    const door = createAuthenticate(
      () => lab.writer.database,
      () => lab.clock,
    );
    const answer = await lab.handle(request, secret === undefined ? localAll : door(`Bearer ${secret}`));
    return { status: answer.status, body: "body" in answer ? (answer.body as TokenSecretAnswer) : undefined };
  };
  const localAll = { actor: "local:0", permissions: "all" } as const;
  const make = (secret: string | undefined, body: object) => ask(secret, { method: "POST", path: "/api/tokens", body });
  try {
    const operator = { name: "op", permissions: ["tokens:write", "keys:read"], expires_in_ms: 60_000 };
    const { secret } = (await make(undefined, operator)).body!;
    assert.equal((await make(secret, { name: "a", permissions: ["keys:write"], expires_in_ms: 1_000 })).status, 403);
    assert.equal((await make(secret, { name: "b", role: "admin", expires_in_ms: 1_000 })).status, 403);
    assert.equal((await make(secret, { name: "c", permissions: ["keys:read"] })).status, 403, "without an end");
    assert.equal((await make(secret, { name: "d", permissions: ["keys:read"], expires_in_ms: 61_000 })).status, 403);
    assert.equal((await make(secret, { name: "e", permissions: ["keys:read"], expires_in_ms: 59_000 })).status, 200);
    assert.equal((await ask(secret, { method: "GET", path: "/api/keys" })).status, 200);
    assert.equal((await ask(secret, { method: "POST", path: "/api/keys", body: { name: "k" } })).status, 403);
    lab.clock += 60_000;
    assert.throws(
      () =>
        createAuthenticate(
          () => lab.writer.database,
          () => lab.clock,
        )(`Bearer ${secret}`),
      {
        code: "expired_api_key",
      },
    );
    const trail = JSON.stringify(lab.records());
    assert.ok(!trail.includes(secret), "no secret in the trail");
  } finally {
    await lab.close();
  }
});

test("A34 revoke() lets nobody shut out a token that may do more", async () => {
  const lab = openLab();
  const own = { name: "own", permissions: ["tokens:write", "keys:read"] };
  const as = { actor: "token:own", permissions: new Set<Permission>(["tokens:write", "keys:read"]) } as const;
  try {
    for (const body of [own, { name: "root", role: "admin" }, { name: "less", permissions: ["keys:read"] }])
      assert.equal((await lab.ask({ method: "POST", path: "/api/tokens", body })).status, 200);
    const refused = await lab.handle({ method: "DELETE", path: "/api/tokens/root" }, as);
    assert.ok("body" in refused && refused.status === 403);
    assert.match(JSON.stringify(refused.body), /token \\"root\\" may do what yours may not \(status:read, /);
    assert.equal((await lab.handle({ method: "DELETE", path: "/api/tokens/less" }, as)).status, 200);
    assert.equal((await lab.handle({ method: "DELETE", path: "/api/tokens/own" }, as)).status, 200, "its own");
    assert.equal((await lab.ask({ method: "DELETE", path: "/api/tokens/root" })).status, 200, "the daemon's user");
  } finally {
    await lab.close();
  }
});

test("A34 update() changes a token as far as who changes it may go, and what is over stays over", async () => {
  const lab = openLab();
  const own = new Set<Permission>(["tokens:write", "keys:read"]);
  const ask = (method: string, name: string, body?: object, more: object = {}) =>
    lab.ask({ method, path: `/api/tokens/${name}`, ...(body === undefined ? {} : { body }), ...more });
  const as = async (name: string, body: object) =>
    (
      await lab.handle(
        { method: "PATCH", path: `/api/tokens/${name}`, body },
        { actor: "token:own", permissions: own, expiresAtMs: lab.clock + 60_000 },
      )
    ).status;
  const shown = async (name: string) => {
    const answer = await ask("GET", name);
    assert.ok("body" in answer && answer.status === 200);
    return (answer.body as TokenSecretAnswer).token;
  };
  try {
    for (const body of [
      { name: "root", role: "admin" },
      { name: "less", permissions: ["keys:read"] },
    ])
      assert.equal((await lab.ask({ method: "POST", path: "/api/tokens", body })).status, 200);
    assert.equal(await as("root", { name: "mine" }), 403, "it may do more");
    assert.equal(await as("less", { role: "viewer" }), 403, "more than its own");
    assert.equal(await as("less", { expires_in_ms: 60_001 }), 403, "longer than its own");
    assert.equal(await as("less", { expires_at_ms: null }), 403, "without an end");
    assert.equal(await as("less", { surprise: 1 }), 400);
    const { etag } = await shown("less");
    assert.equal(await as("less", { name: "some", permissions: ["tokens:write"], expires_in_ms: 60_000 }), 200);
    assert.equal((await ask("PATCH", "some", { name: "x" }, { ifMatch: etag })).status, 412);
    assert.equal((await ask("DELETE", "some", undefined, { ifMatch: etag })).status, 412);
    const { permissions: now, expires_at_ms: end } = await shown("some");
    assert.deepEqual([now, end], [["tokens:write"], lab.clock + 60_000]);
    assert.equal((await ask("PATCH", "some", { name: "root" })).status, 409);
    lab.clock += 60_000;
    assert.equal((await ask("PATCH", "some", { expires_at_ms: null })).status, 409, "it is over");
    assert.equal((await ask("GET", "nobody")).status, 404);
  } finally {
    await lab.close();
  }
});

test("GET /api/tokens pages from the newest back, counts, and searches", async () => {
  const lab = openLab();
  const page = async (query: string) => {
    const answer = await lab.ask({ method: "GET", path: `/api/tokens?${query}` });
    assert.ok("body" in answer && answer.status === 200);
    return answer.body as TokenListAnswer;
  };
  try {
    for (const name of ["a1", "b", "a2"])
      await lab.ask({ method: "POST", path: "/api/tokens", body: { name, role: "viewer" } });
    const { tokens, next, ...counts } = await page("limit=2");
    assert.deepEqual([tokens.map(({ name }) => name), counts], [["a2", "b"], { count: 2, total_count: 3 }]);
    const rest = await page(`limit=2&after=${next}`);
    assert.deepEqual([rest.tokens.map(({ name }) => name), rest.next], [["a1"], null]);
    const found = await page("search=A");
    assert.deepEqual([found.tokens.map(({ name }) => name), found.total_count], [["a2", "a1"], 2]);
  } finally {
    await lab.close();
  }
});

test("repeats() make a change once that is sent twice with one Idempotency-Key", async () => {
  const lab = openLab();
  try {
    const request = { method: "POST", path: "/api/keys", body: { name: "ci" }, idempotencyKey: "7" };
    const [first, second] = [await lab.ask(request), await lab.ask(request)];
    assert.deepEqual(first, second);
    assert.equal(lab.records().length, 1);
    const other = await lab.ask({ ...request, body: { name: "cd" } });
    assert.equal(other.status, 422);
    assert.match(JSON.stringify(other), /idempotency_key_reused/);
    assert.equal(lab.records().length, 1, "and nothing was done");
    const both = { ...request, body: { name: "both" }, idempotencyKey: "9" };
    const [one, same] = await Promise.all([lab.ask(both), lab.ask(both)]);
    assert.deepEqual([one.status, one], [200, same], "asked at once, made once");
    assert.equal(lab.records().length, 2);
    assert.equal((await lab.ask({ ...request, idempotencyKey: "8" })).status, 409, "the name is taken");
  } finally {
    await lab.close();
  }
});

test("router() changes only the version that If-Match names", async () => {
  const lab = openLab();
  try {
    const made = await lab.ask({ method: "POST", path: "/api/governance/teams", body: { name: "t" } });
    assert.ok("body" in made && made.etag !== undefined);
    const patch = { method: "PATCH", path: "/api/governance/teams/t", body: { description: "x" }, ifMatch: made.etag };
    assert.equal((await lab.ask(patch)).status, 200);
    assert.equal((await lab.ask(patch)).status, 412);
    assert.equal((await lab.ask({ ...patch, ifMatch: "*" })).status, 200);
    const key = await lab.ask({
      ...{ method: "POST", path: "/api/keys" },
      body: { name: "k", budgets: [{ limit_nano: 1, window: { kind: "forever" } }] },
    });
    assert.ok("body" in key && key.etag !== undefined);
    const raise = { method: "PUT", path: "/api/keys/k/budgets/0/override", body: { extra_nano: 1, mode: "forever" } };
    assert.equal((await lab.ask({ ...raise, ifMatch: key.etag })).status, 200);
    const others = [
      raise,
      { method: "PATCH", path: "/api/keys/k", body: { description: "x" } },
      { method: "POST", path: "/api/keys/k/budgets/0/reset" },
      { method: "POST", path: "/api/keys/k/wallet", body: { amount_nano: 1 } },
      { method: "POST", path: "/api/keys/k/rotate" },
      { method: "DELETE", path: "/api/keys/k" },
    ];
    for (const each of others)
      assert.equal((await lab.ask({ ...each, ifMatch: key.etag })).status, 412, `${each.method} ${each.path}`);
    assert.match(JSON.stringify(await lab.ask({ method: "GET", path: "/api/keys/k" })), /"state":"active"/);
  } finally {
    await lab.close();
  }
});

test("update() takes away what a PATCH says null of, and leaves what it does not say", async () => {
  const lab = openLab();
  const numbers = {
    ...{ budgets: [{ limit_nano: 1, window: { kind: "forever" } }], concurrency_max: 3, description: "d" },
    ...{ limits: [{ metric: "requests", limit: 1, window_ms: 60_000 }], metadata: { a: "b" }, blocked: ["x"] },
  };
  const made = { models: ["openai/*"], raw: true, delete_expired: true, expires_in_ms: 9_000, content: "full" };
  const bounds = { operations: ["chat"], aliases: { f: "openai/g" }, required: ["user"], providers: [] };
  const paths = {
    "/api/keys": { ...numbers, ...made, ...bounds },
    "/api/governance/teams": { ...numbers, models: ["openai/*"], disabled: true },
  };
  try {
    for (const [path, more] of Object.entries(paths)) {
      const [bare, full] = ["bare", "full"] as const;
      assert.equal((await lab.ask({ method: "POST", path, body: { name: bare } })).status, 200);
      const answer = await lab.ask({ method: "POST", path, body: { name: full, ...more } });
      assert.equal(answer.status, 200, JSON.stringify(answer));
      const shown = async (name: string) => {
        const told = await lab.ask({ method: "GET", path: `${path}/${name}` });
        assert.ok("body" in told);
        const { id, name: _, prefix, etag, created_at_ms, ...rest } = Object.values(told.body as object)[0];
        return rest;
      };
      const before = await shown(full);
      assert.equal((await lab.ask({ method: "PATCH", path: `${path}/full`, body: {} })).status, 200);
      assert.deepEqual(await shown(full), before);
      for (const field of Object.keys(more)) {
        const said = field === "expires_in_ms" ? "expires_at_ms" : field;
        const patched = await lab.ask({ method: "PATCH", path: `${path}/full`, body: { [said]: null } });
        assert.equal(patched.status, 200, `${path} ${said} ${JSON.stringify(patched)}`);
      }
      assert.deepEqual(await shown(full), await shown(bare), path);
    }
  } finally {
    await lab.close();
  }
});

test("describe() has every route, with the schemas that check it", async () => {
  type Content = { content: Record<string, { schema: object }> };
  type Operation = { requestBody?: Content; responses: { 200: Content } };
  const { openapi, paths } = (await describe(adminRoutes)) as {
    openapi: string;
    paths: Record<string, Record<string, Operation>>;
  };
  assert.equal(openapi, "3.1.0");
  for (const route of adminRoutes) {
    const operation = paths[route.path]?.[route.method.toLowerCase()];
    assert.ok(operation, `${route.method} ${route.path}`);
    assert.equal(operation.requestBody !== undefined, route.body !== undefined);
    const described = Object.keys(operation.responses[200].content);
    assert.ok(described.length > 0, `${route.method} ${route.path} has its answer in daemon/admin/answers/table.ts`);
  }
  const schema = paths["/api/keys"]?.["post"]?.requestBody?.content["application/json"]?.schema as {
    additionalProperties: boolean;
    required: string[];
  };
  assert.deepEqual([schema.additionalProperties, schema.required], [false, ["name"]]);
});
