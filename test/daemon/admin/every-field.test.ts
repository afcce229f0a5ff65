/**
 * Each entity of the admin API through its life, with a value for each field made from the schemas of its routes: a new
 * field is asked about here without being written down.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { z } from "zod";
import { adminRoutes } from "../../../daemon/admin/routes.ts";
import { type Lab, labTime, openLab } from "./admin-lab.ts";

type Values = Readonly<Record<string, unknown>>;
type Node = Readonly<Record<string, unknown>>;

let lab: Lab;
before(async () => {
  lab = openLab();
  for (const [path, name] of [
    ["customers", "acme"],
    ["teams", "blue"],
    ["users", "ann"],
  ])
    await done("POST", `/api/governance/${path}`, { name });
  await done("POST", "/api/keys", { name: "one" });
});
after(() => lab.close());

type More = { readonly ifMatch?: string; readonly idempotencyKey?: string };
async function ask(method: string, path: string, body?: unknown, more: More = {}) {
  const answer = await lab.ask({ method, path, ...(body === undefined ? {} : { body }), ...more });
  assert.ok("body" in answer, path);
  return { status: answer.status, body: answer.body as Record<string, Record<string, unknown>> };
}
async function done(method: string, path: string, body?: unknown, more?: More) {
  const { status, body: told } = await ask(method, path, body, more);
  assert.equal(status, 200, `${method} ${path} ${JSON.stringify(body)}: ${JSON.stringify(told)}`);
  return told;
}

/** What is made, shown, changed and taken away at one path. */
const entities = adminRoutes
  .filter(
    ({ method, path }) => method === "PATCH" && /^\/api\/(?:keys|tokens|governance\/[a-z-]+)\/\{\w+\}$/.test(path),
  )
  .map(({ path, body }) => ({ path: path.replace(/\/\{\w+\}$/, ""), change: shapeOf(body!) }))
  .filter(({ path }) => !/virtual-keys|routing-rules|pricing/.test(path))
  .map((entity) => ({ ...entity, create: shapeOf(routeOf("POST", entity.path).body!) }));

function routeOf(method: string, path: string) {
  return adminRoutes.find((route) => route.method === method && route.path === path)!;
}

function shapeOf(schema: z.ZodType): Readonly<Record<string, z.ZodType>> {
  return (schema as unknown as { shape: Record<string, z.ZodType> }).shape;
}

/** Texts that one or another of the fields takes. */
const words = ["sample", "echo/x", "UTC", "user", "keys:read", "viewer", "2027-01-01"];
const own: Values = {
  customer: "acme",
  team: "blue",
  user: "ann",
  key: "one",
  provider: "echo",
  model: "echo/x",
  expires_at_ms: labTime + 86_400_000,
  permissions: ["logs:read"],
  role: "viewer",
};

/** Values of a JSON schema, the likeliest first. */
function valuesOf(node: Node): readonly unknown[] {
  const inner = (node["anyOf"] ?? node["oneOf"]) as readonly Node[] | undefined;
  if (inner !== undefined) return inner.filter(({ type }) => type !== "null").flatMap(valuesOf);
  if ("const" in node) return [node["const"]];
  if (Array.isArray(node["enum"])) return node["enum"];
  switch ([node["type"]].flat().find((type) => type !== "null")) {
    case "string":
      return words;
    case "boolean":
      return [true];
    case "integer":
    case "number":
      return [
        Math.max(Number(node["minimum"] ?? 0), 60_000),
        Number(node["minimum"] ?? 0) + 1,
        Number(node["maximum"]),
      ];
    case "array":
      return valuesOf(node["items"] as Node).map((each) => [each]);
    default: {
      const properties = Object.entries((node["properties"] ?? {}) as Record<string, Node>);
      const additional = node["additionalProperties"];
      if (properties.length === 0 && typeof additional === "object")
        return valuesOf(additional as Node).map((each) => ({ sample: each }));
      const wanted = (node["required"] ?? []) as readonly string[];
      const each = properties
        .filter(([name]) => wanted.includes(name))
        .map(([name, of]) => [name, valuesOf(of)] as const);
      return [0, 1, 2].map((at) => Object.fromEntries(each.map(([name, of]) => [name, of[at % of.length]])));
    }
  }
}

/** One that the schema takes: else this test does not know the field, and must be told of it. */
function valueFor(name: string, schema: z.ZodType): unknown {
  const json = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as Node;
  const found = [...(name in own ? [own[name]] : []), ...valuesOf(json)].find((each) => schema.safeParse(each).success);
  assert.notEqual(found, undefined, `no value is known for "${name}": ${JSON.stringify(json)}`);
  return found;
}

const takesNull = (schema: z.ZodType) => schema.safeParse(null).success;
const isRequired = (schema: z.ZodType) => !schema.safeParse(undefined).success;

/** What a reader would call the same: not its version, nor when it was touched. */
function stateOf(view: Values): Values {
  const { etag: _, updated_at_ms: __, ...rest } = view;
  return rest;
}

/** The one thing in an answer. */
function viewIn(answer: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.values(answer).find((value) => typeof value === "object" && value !== null) as Record<string, unknown>;
}

test("the entities are those that the API has", () => {
  assert.deepEqual(
    entities.map(({ path }) => path),
    [
      "/api/keys",
      ...["customers", "teams", "users", "end-users", "tags", "model-configs", "providers"].map(
        (name) => `/api/governance/${name}`,
      ),
      "/api/tokens",
    ],
  );
});

for (const { path, create, change } of entities) {
  const least = () => {
    const needed = Object.entries(create).filter(([name, schema]) => isRequired(schema) || name === "name");
    const made = Object.fromEntries(needed.map(([name, schema]) => [name, valueFor(name, schema)]));
    if (path.endsWith("tokens")) return { ...made, permissions: ["keys:read", "keys:write"] };
    // A limit is of something, and by a number.
    if (path.endsWith("model-configs")) return { ...made, model: "echo/x", concurrency_max: 5 };
    return path.endsWith("/providers") ? { ...made, provider: "echo", concurrency_max: 5 } : made;
  };

  test(`${path}: each field is changed by a value, taken away by null, and left by its absence`, async () => {
    const made = viewIn(await done("POST", path, { ...least(), name: "fields" }));
    const at = `${path}/${made["id"]}`;
    const read = async () => viewIn(await done("GET", at));
    const fresh = await read();
    assert.deepEqual(stateOf(viewIn(await done("PATCH", at, {}))), stateOf(fresh), "nothing said, nothing changed");
    for (const [name, schema] of Object.entries(change)) {
      const value = valueFor(name, schema);
      const before = await read();
      const told = viewIn(await done("PATCH", at, { [name]: value }));
      const changed = await read();
      assert.deepEqual(stateOf(told), stateOf(changed), `${name}: what is told is what is read`);
      const touched = Object.keys(changed).filter(
        (each) => JSON.stringify(changed[each]) !== JSON.stringify(before[each]),
      );
      const others = touched.filter((each) => each !== "etag" && each !== "updated_at_ms");
      assert.ok(others.length <= 1 || name in own, `${name} changed ${others}`);
      assert.ok(
        name === "reset_budget_usage" || others.length > 0,
        `${name}: ${JSON.stringify(value)} changed nothing`,
      );
      if (name in changed && typeof value !== "object") assert.deepEqual(changed[name], value, name);
      assert.deepEqual(stateOf(viewIn(await done("PATCH", at, {}))), stateOf(changed), `${name} stays unsaid`);
      if (name in least()) await done("PATCH", at, { [name]: name === "name" ? "fields" : (least() as Values)[name] });
      else if (takesNull(schema)) {
        await done("PATCH", at, { [name]: null });
        assert.deepEqual(stateOf(await read()), stateOf(fresh), `${name}: null takes it away`);
      } else {
        const { status, body } = await ask("PATCH", at, { [name]: null });
        assert.deepEqual([status, body["error"]?.["param"]], [400, name], `${name}: null is refused by name`);
        assert.deepEqual(stateOf(await read()), stateOf(changed), `${name}: and nothing is changed`);
        // What it stands for is another field, which is put back.
        const given = least() as Values;
        for (const other of others) await done("PATCH", at, { [other]: other in given ? given[other] : null });
      }
    }
    const { status, body } = await ask("PATCH", at, { surprise: 1 });
    assert.deepEqual([status, body["error"]?.["param"]], [400, "surprise"]);
    await done("DELETE", at);
  });

  test(`${path}: lists search and page, versions and repeats are kept apart, and what is deleted is gone`, async () => {
    const first = { ...least(), name: "life-1" };
    const once = await done("POST", path, first, { idempotencyKey: `k-${path}` });
    assert.deepEqual(await done("POST", path, first, { idempotencyKey: `k-${path}` }), once, "made once");
    const other = await ask("POST", path, { ...first, name: "life-x" }, { idempotencyKey: `k-${path}` });
    assert.equal(other.status, 422, "another change with the same key");
    const again = await ask("POST", path, first);
    assert.ok(again.status === 409, `its name is taken: ${again.status}`);
    const second = path.endsWith("model-configs")
      ? { ...first, name: "life-2", model: "echo/y" }
      : path.endsWith("providers")
        ? { ...first, name: "life-2", provider: "echo-paid" }
        : { ...first, name: "life-2" };
    await done("POST", path, second);

    const listed = async (query: string) => {
      const told = (await done("GET", `${path}?${query}`)) as unknown as Record<string, unknown>;
      const items = Object.values(told).find(Array.isArray) as readonly Values[];
      // A token that was revoked is still told of.
      const alive = items.filter(({ state, revoked_at_ms: at }) => state !== "revoked" && at == null);
      return { names: alive.map(({ name }) => name), next: told["next"] as string | null };
    };
    assert.deepEqual((await listed("search=life-")).names.toSorted(), ["life-1", "life-2"]);
    const page = await listed("search=life-&limit=1");
    const rest = await listed(`search=life-&limit=1&after=${page.next}`);
    assert.deepEqual([...page.names, ...rest.names].toSorted(), ["life-1", "life-2"], "a page, and the one after it");
    assert.deepEqual([page.names.length, page.next === null], [1, false]);
    assert.equal((await ask("GET", `${path}?limit=0`)).status, 400);
    assert.equal((await ask("GET", `${path}?surprise=1`)).body["error"]?.["param"], "surprise");

    const at = `${path}/${viewIn(once)["id"]}`;
    const { etag } = viewIn(await done("GET", at));
    await done("PATCH", at, { name: "life-3" }, { ifMatch: etag as string });
    assert.equal(
      (await ask("PATCH", at, { name: "life-4" }, { ifMatch: etag as string })).status,
      412,
      "another version",
    );
    assert.equal((await ask("DELETE", at, undefined, { ifMatch: etag as string })).status, 412);
    await done("DELETE", at);
    assert.deepEqual((await listed("search=life-3")).names, [], "it is listed no longer");
  });
}
