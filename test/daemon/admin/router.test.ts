import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import type { AdminRequest, AdminResponse } from "../../../daemon/admin/contract/calling.ts";
import type { ErrorAnswer } from "../../../daemon/admin/contract/errors.ts";
import { asks, changes, type Route, reads } from "../../../daemon/admin/route.ts";
import { createRouter } from "../../../daemon/admin/router.ts";
import { adminRoutes } from "../../../daemon/admin/routes.ts";
import { GatewayError } from "../../../providers/gateway-error.ts";
import { type Lab, labTime, openLab } from "./admin-lab.ts";

/** What each mutating route needs to be given; a new one without a row here fails the tests below. */
const goodBodies: Readonly<Record<string, unknown>> = {
  "daemon.reload": undefined,
  "daemon.stop": { drain_ms: 100 },
  "daemon.restart": { drain_ms: 100 },
  "key.create": { name: "made" },
  "key.adopt": { name: "made", secret_sha256: "a".repeat(64) },
  "key.update": { disabled: true },
  "key.revoke": undefined,
  "key.rotate": { grace_ms: 1_000 },
  "config.rollback": { generation: 2 },
  "logs.delete": { ids: ["req_1"] },
  "ledger.reprice": { since_ms: 1, until_ms: 2 },
  "alert.test": undefined,
  ...Object.fromEntries(
    ["customer", "team", "user", "end_user", "tag", "model_limit", "provider_limit"].flatMap((kind) => [
      [`${kind}.create`, { name: "made", concurrency_max: 3 }],
      [`${kind}.update`, { description: "changed" }],
      [`${kind}.delete`, undefined],
    ]),
  ),
  "budget.override": { extra_nano: 5, mode: "forever" },
  "budget.reset": undefined,
  "wallet.top_up": { amount_nano: 5 },
  "routing_rule.create": { name: "made", targets: ["echo/echo"] },
  "routing_rule.update": { priority: 2 },
  "routing_rule.delete": undefined,
  "price.create": { match: "echo/echo", price: { input: 1 } },
  "price.update": { price: { input: null, output: 1 } },
  "price.delete": undefined,
  "token.create": { name: "made", permissions: ["status:read"] },
  "token.update": { name: "renamed" },
  "token.revoke": undefined,
};

/** Everything that a path may name is there, under one name. */
async function makeAll(lab: Lab): Promise<void> {
  const body = { name: "ci", budgets: [{ limit_nano: 9, window: { kind: "forever" } }] };
  for (const { method, path, action } of adminRoutes) {
    if (method !== "POST" || !action?.endsWith(".create") || path === "/api/governance/virtual-keys") continue;
    if (action === "token.create") {
      await lab.ask({ method, path, body: { name: "ci", role: "viewer" } });
      continue;
    }
    await lab.ask({ method, path, body });
  }
}

/** Several keys at once are named in the body. */
function goodBody({ action, path }: Route): unknown {
  const body = goodBodies[action!];
  if (path.endsWith("/batch")) return { keys: [body] };
  return path.endsWith("s/rotate") ? { ...(body as object), ids: ["ci"] } : body;
}

function pathFor(route: Route): string {
  const id = route.path.startsWith("/api/governance/") ? "ci" : "req_1";
  return route.path
    .replace("{key}", "ci")
    .replace("{id}", id)
    .replace("{slot}", "0")
    .replace("{token}", "ci")
    .replace("{channel}", "ops");
}

function errorOf(response: AdminResponse): ErrorAnswer["error"] & { status: number } {
  assert.ok("body" in response);
  return { status: response.status, ...(response.body as ErrorAnswer).error };
}

async function withLab(body: (lab: Lab) => Promise<void>): Promise<void> {
  const lab = openLab();
  try {
    await body(lab);
  } finally {
    await lab.close();
  }
}

for (const route of adminRoutes) {
  const at = `${route.method} ${route.path}`;
  test(`A42 router() refuses an unknown field of ${at} and names it`, () =>
    withLab(async (lab) => {
      const good = route.body === undefined || route.action === undefined ? {} : (goodBody(route) ?? {});
      const body = { ...(good as object), surprise: 1 };
      const error = errorOf(await lab.ask({ method: route.method, path: pathFor(route), body }));
      assert.equal(error.status, 400);
      assert.equal(error.code, "invalid_request");
      assert.equal(error.param, "surprise");
      assert.match(error.message, /unknown field "surprise"/);
      assert.deepEqual(lab.records(), [], "nothing happened, so nothing is recorded");
    }));

  test(`A42 router() refuses an unknown query parameter of ${at} and names it`, () =>
    withLab(async (lab) => {
      const error = errorOf(await lab.ask({ method: route.method, path: `${pathFor(route)}?surprise=1` }));
      assert.deepEqual([error.status, error.param], [400, "surprise"]);
    }));

  test(`router() demands ${route.permission} for ${at}`, () =>
    withLab(async (lab) => {
      const caller = { actor: "token:reader", permissions: new Set([]) };
      const error = errorOf(await lab.handle({ method: route.method, path: pathFor(route) }, caller));
      assert.deepEqual([error.status, error.code], [403, "permission_denied"]);
      assert.match(error.message, new RegExp(route.permission));
      assert.deepEqual(lab.records(), []);
    }));
}

test("A42 router() names an unknown field however deep it lies", () =>
  withLab(async (lab) => {
    const body = {
      name: "deep",
      budgets: [{ limit_nano: 1, window: { kind: "rolling", length_ms: 60_000, lenght: 1 } }],
    };
    const error = errorOf(await lab.ask({ method: "POST", path: "/api/keys", body }));
    assert.deepEqual([error.status, error.param], [400, "budgets[0].window.lenght"]);
  }));

for (const route of adminRoutes.filter(({ action }) => action !== undefined)) {
  const action = route.action!;
  const called = `${action} by ${route.method} ${route.path}`;
  test(`A40 router() leaves one audit record of ${called} when it succeeds`, () =>
    withLab(async (lab) => {
      assert.ok(action in goodBodies, `a body for ${action}`);
      await makeAll(lab);
      const before = lab.records().length;
      const response = await lab.ask(requestFor(route));
      assert.equal(response.status, 200, JSON.stringify(response));
      const made = lab.records().slice(before);
      assert.deepEqual(
        made.map((record) => [record.actor, record.action]),
        [[`local:${process.getuid?.()}`, action]],
      );
    }));

  test(`A40 router() leaves one audit record of ${called} when it fails`, async () => {
    const lab = openLab();
    try {
      const refusal = () => Promise.reject(new GatewayError("conflict", "no"));
      const router = createRouter({
        services: lab.services,
        now: () => labTime,
        faultId: () => "f",
        onFault: assert.fail,
        routes: [{ ...route, run: refusal }],
      });
      const response = await router(requestFor(route), { actor: "local:7", permissions: "all" });
      assert.equal(response.status, 409);
      const records = lab.records() as unknown as readonly { action: string; after: { failed: string } }[];
      assert.deepEqual(
        records.map((record) => [record.action, record.after.failed]),
        [[action, "conflict"]],
      );
    } finally {
      await lab.close();
    }
  });
}

test("A41 router() lets no secret into the audit trail", () =>
  withLab(async (lab) => {
    const secrets: string[] = [];
    for (const request of [
      { method: "POST", path: "/api/keys", body: { name: "ci" } },
      { method: "POST", path: "/api/keys/ci/rotate", body: {} },
    ]) {
      const response = await lab.ask(request);
      assert.ok("body" in response);
      secrets.push((response.body as { secret: string }).secret);
    }
    const trail = JSON.stringify(lab.records());
    for (const secret of secrets)
      assert.ok(!trail.includes(secret.slice(12)), "no more than its recognisable beginning");
  }));

test("router() answers a fault of ours with an id and no word of it", async () => {
  const lab = openLab({ models: { list: () => Promise.reject(new TypeError("secret detail")) } });
  try {
    const error = errorOf(await lab.ask({ method: "GET", path: "/api/models" }));
    assert.deepEqual([error.status, error.code, error.id], [500, "internal_error", "fault_0"]);
    assert.doesNotMatch(error.message, /secret detail/);
    assert.equal((lab.faults[0] as Error).message, "secret detail");
  } finally {
    await lab.close();
  }
});

test("router() says which methods a path answers", () =>
  withLab(async (lab) => {
    const error = errorOf(await lab.ask({ method: "PUT", path: "/api/keys" }));
    assert.deepEqual([error.status, error.code], [405, "method_not_allowed"]);
    assert.match(error.message, /GET, POST/);
  }));

const oddPaths = [
  "/api/keys/",
  "//api/keys",
  "/api//keys",
  "/api/%6beys",
  "/api/keys;x=1",
  "/api/../api/keys",
  "/API/keys",
  "",
];
for (const path of oddPaths) {
  test(`A38 router() knows no other spelling of a path: ${JSON.stringify(path)}`, () =>
    withLab(async (lab) => {
      const error = errorOf(await lab.ask({ method: "GET", path }));
      assert.deepEqual([error.status, error.code], [404, "route_not_found"]);
    }));
}

const badRequests: readonly (readonly [string, AdminRequest])[] = [
  ["a name of the wrong type", { method: "POST", path: "/api/keys", body: { name: 7 } }],
  ["a name with a control character", { method: "POST", path: "/api/keys", body: { name: "a\u001b[2J" } }],
  ["a name like an id", { method: "POST", path: "/api/keys", body: { name: "key_1" } }],
  ["a body that is no object", { method: "POST", path: "/api/keys", body: [1] }],
  ["no body where one is needed", { method: "POST", path: "/api/keys" }],
  [
    "a negative budget",
    {
      method: "POST",
      path: "/api/keys",
      body: { name: "a", budgets: [{ limit_nano: -1, window: { kind: "forever" } }] },
    },
  ],
  [
    "a budget above $9 M",
    {
      method: "POST",
      path: "/api/keys",
      body: { name: "a", budgets: [{ limit_nano: 9e15 + 2, window: { kind: "forever" } }] },
    },
  ],
  [
    "a fraction of a nano-dollar",
    {
      method: "POST",
      path: "/api/keys",
      body: { name: "a", budgets: [{ limit_nano: 0.5, window: { kind: "forever" } }] },
    },
  ],
  [
    "five budgets",
    {
      method: "POST",
      path: "/api/keys",
      body: {
        name: "a",
        budgets: [1, 2, 3, 4, 5].map((n) => ({ limit_nano: 1, window: { kind: "rolling", length_ms: n * 1_000 } })),
      },
    },
  ],
  [
    "an unknown zone",
    {
      method: "POST",
      path: "/api/keys",
      body: {
        name: "a",
        budgets: [{ limit_nano: 1, window: { kind: "calendar", unit: "day", count: 1, zone: "Mars/Base" } }],
      },
    },
  ],
  [
    "two budgets in one window",
    {
      method: "POST",
      path: "/api/keys",
      body: {
        name: "a",
        budgets: [
          { limit_nano: 1, window: { kind: "forever" } },
          { limit_nano: 2, window: { kind: "forever" } },
        ],
      },
    },
  ],
  ["an expiry in the past", { method: "POST", path: "/api/keys", body: { name: "a", expires_at_ms: 1 } }],
  [
    "two expiries",
    { method: "POST", path: "/api/keys", body: { name: "a", expires_at_ms: labTime * 2, expires_in_ms: 5 } },
  ],
  ["a wildcard in the middle", { method: "POST", path: "/api/keys", body: { name: "a", models: ["a*b"] } }],
  ["a list limit of nought", { method: "GET", path: "/api/logs?limit=0" }],
  ["a parameter given twice", { method: "GET", path: "/api/logs?limit=1&limit=2" }],
  ["a status that is none", { method: "GET", path: "/api/logs?status=9xx" }],
  ["before and after together", { method: "GET", path: "/api/logs?before=1&after=1" }],
  ["a broken escape", { method: "GET", path: "/api/keys/%zz" }],
];
for (const [what, request] of badRequests) {
  test(`router() refuses ${what}`, () =>
    withLab(async (lab) => {
      const error = errorOf(await lab.ask(request));
      assert.deepEqual([error.status, error.code], [400, "invalid_request"], error.message);
    }));
}

const run = () => Promise.resolve({});
const sound = { method: "GET", path: "/api/x", permission: "status:read", summary: "", run } as const;
const unsound: readonly (readonly [string, RegExp, readonly Route[]])[] = [
  ["without a permission", /declares no permission/, [reads({ ...sound, permission: undefined as never })]],
  ["that stands twice", /stands twice/, [reads(sound), reads(sound)]],
  ["that could change something unrecorded", /neither an action nor a body/, [{ ...sound, method: "POST" }]],
];
for (const [what, message, routes] of unsound) {
  test(`router() does not start with a route ${what}`, () => {
    const start = () =>
      createRouter({ services: {} as never, now: () => 0, faultId: () => "", onFault: () => {}, routes });
    assert.throws(start, message);
  });
}

test("routes name their actions <resource>.<verb>, and each is tried here", () => {
  const actions = new Set(adminRoutes.flatMap(({ action }) => action ?? []));
  for (const action of actions) assert.match(action, /^[a-z_]+\.[a-z_]+$/);
  assert.deepEqual([...actions].toSorted(), Object.keys(goodBodies).toSorted());
});

test("asks() and changes() keep what they are given", () => {
  const body = z.strictObject({});
  assert.equal(asks({ ...sound, method: "POST", body }).body, body);
  assert.equal(changes({ ...sound, method: "POST", action: "x.y" }).action, "x.y");
});

function requestFor(route: Route): AdminRequest {
  const body = route.body === undefined ? undefined : goodBody(route);
  return { method: route.method, path: pathFor(route), ...(body === undefined ? {} : { body }) };
}
