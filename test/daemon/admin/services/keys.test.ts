import assert from "node:assert/strict";
import { test } from "node:test";
import type { Action } from "../../../../daemon/admin/admin-services.ts";
import { type Lab, labTime, openLab } from "../admin-lab.ts";

const hourMs = 3_600_000;
const day = { kind: "rolling", length_ms: 24 * hourMs } as const;

function action(name: string): Action {
  const entry: Action["entry"] = (change) => ({
    actor: "local:7",
    action: name,
    at_ms: 0,
    outcome: "ok",
    before: null,
    after: null,
    ...change,
  });
  return { actor: "local:7", name, atMs: 0, entry, recorded: () => {}, caller: { permissions: "all" } };
}

async function withLab(body: (lab: Lab) => Promise<void>): Promise<void> {
  const lab = openLab();
  try {
    await body(lab);
  } finally {
    await lab.close();
  }
}

test("create() answers a key that is durable, visible and complete", () =>
  withLab(async (lab) => {
    const { key, secret } = await lab.services.keys.create(
      {
        name: "ci",
        models: ["openai/*"],
        expires_in_ms: hourMs,
        budgets: [{ limit_nano: 10_000_000_000, window: day }],
        limits: [{ metric: "requests", limit: 60, window_ms: 60_000 }],
        concurrency_max: 0,
      },
      action("key.create"),
    );
    assert.deepEqual(key, {
      id: "key_000001",
      name: "ci",
      prefix: secret.slice(0, 10),
      state: "active",
      created_at_ms: labTime,
      expires_at_ms: labTime + hourMs,
      revoked_at_ms: null,
      models: ["openai/*"],
      budgets: [
        {
          slot: 0,
          limit_nano: 10_000_000_000,
          window: day,
          spent_nano: 1_250_000_000,
          held_nano: 0,
          resets_at_ms: null,
          shadow: false,
          would_have_refused: null,
          wallet: false,
          override: null,
        },
      ],
      limits: [
        {
          slot: 0,
          metric: "requests",
          limit: 60,
          window_ms: 60_000,
          used: null,
          shadow: false,
          would_have_refused: null,
        },
      ],
      concurrency_max: 0,
      description: null,
      metadata: {},
      source: "database",
      parent: null,
      blocked: [],
      providers: null,
      delete_expired: false,
      content: null,
      unsupported: null,
      raw: false,
      operations: null,
      aliases: {},
      required: [],
      in_flight: null,
      etag: key.etag,
      old_secret_expires_at_ms: null,
    });
    const stored = await lab.store.findById(key.id);
    assert.deepEqual(lab.told, [stored], "memory was told what the disk holds");
  }));

test("create() refuses a name that a living key has, and takes a revoked one's", () =>
  withLab(async (lab) => {
    const { keys } = lab.services;
    await keys.create({ name: "ci" }, action("key.create"));
    await assert.rejects(keys.create({ name: "ci" }, action("key.create")), { code: "conflict" });
    await keys.revoke("ci", action("key.revoke"));
    assert.equal((await keys.create({ name: "ci" }, action("key.create"))).key.id, "key_000002");
  }));

test("create() gives a name once, however many ask at the same moment", () =>
  withLab(async (lab) => {
    const asked = Array.from({ length: 20 }, () => lab.services.keys.create({ name: "ci" }, action("key.create")));
    const outcomes = await Promise.allSettled(asked);
    assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 1);
  }));

test("A17 revoke() is in shared memory before it answers, and before the disk knows", () =>
  withLab(async (lab) => {
    await lab.services.keys.create({ name: "ci" }, action("key.create"));
    let seenByMemory: boolean | undefined;
    const execute = lab.writer.execute.bind(lab.writer);
    lab.writer.execute = (command, actor) => {
      seenByMemory = lab.told.at(-1)?.key.revokedAtMs !== undefined;
      return execute(command, actor);
    };
    const { key } = await lab.services.keys.revoke("ci", action("key.revoke"));
    assert.deepEqual([seenByMemory, key.state], [true, "revoked"]);
    assert.equal((await lab.store.findById(key.id))?.key.revokedAtMs, labTime);
  }));

test("revoke() on a disk that takes nothing kills the key all the same, and says what is left to do", () =>
  withLab(async (lab) => {
    await lab.services.keys.create({ name: "ci" }, action("key.create"));
    lab.writer.execute = () => {
      throw new Error("disk full");
    };
    await assert.rejects(lab.services.keys.revoke("ci", action("key.revoke")), {
      code: "database_unavailable",
      message: /refused from now on.*revoke it again/,
    });
    assert.equal(lab.told.at(-1)?.key.revokedAtMs, labTime);
  }));

test("revoke() twice is once", () =>
  withLab(async (lab) => {
    const { key } = await lab.services.keys.create({ name: "ci" }, action("key.create"));
    await lab.services.keys.revoke("ci", action("key.revoke"));
    lab.clock += hourMs;
    assert.equal((await lab.services.keys.revoke(key.id, action("key.revoke"))).key.revoked_at_ms, labTime);
  }));

test("update() and rotate() refuse a revoked key", () =>
  withLab(async (lab) => {
    const { keys } = lab.services;
    const { key } = await keys.create({ name: "ci" }, action("key.create"));
    await keys.revoke("ci", action("key.revoke"));
    await assert.rejects(keys.update(key.id, { disabled: false }, action("key.update")), { code: "conflict" });
    await assert.rejects(keys.rotate(key.id, {}, action("key.rotate")), { code: "conflict" });
  }));

test("update() changes what is named and leaves the rest", () =>
  withLab(async (lab) => {
    const { keys } = lab.services;
    const limits = [
      { metric: "requests", limit: 60, window_ms: 60_000 },
      { metric: "tokens", limit: 1_000, window_ms: 60_000 },
    ] as const;
    const { key: before } = await keys.create(
      { name: "ci", limits, expires_in_ms: hourMs, concurrency_max: 4 },
      action("key.create"),
    );
    const change = { limits: [{ metric: "requests", limit: 0, window_ms: 60_000 }], concurrency_max: null } as const;
    const { key } = await keys.update("ci", change, action("key.update"));
    const changed = [{ ...before.limits[0], limit: 0 }, before.limits[1]];
    assert.notEqual(key.etag, before.etag);
    assert.deepEqual(key, { ...before, limits: changed, concurrency_max: null, etag: key.etag });
    const { key: last } = await keys.update(
      "ci",
      {
        limits: [{ metric: "requests", limit: null, window_ms: 60_000 }],
        expires_at_ms: null,
        name: "cd",
        disabled: true,
      },
      action("key.update"),
    );
    assert.deepEqual(
      [last.limits, last.expires_at_ms, last.name, last.state],
      [[before.limits[1]], null, "cd", "disabled"],
    );
    assert.equal(lab.told.at(-1)?.scopes[0]?.name, "cd");
  }));

test("A11 update() keeps slot and anchor of a budget whose window stays", () =>
  withLab(async (lab) => {
    const { keys } = lab.services;
    await keys.create({ name: "ci", budgets: [{ limit_nano: 1, window: day }] }, action("key.create"));
    const before = lab.told.at(-1)?.scopes[0]?.budgets[0];
    lab.clock += hourMs;
    await keys.update("ci", { budgets: [{ limit_nano: 0, window: day }] }, action("key.update"));
    assert.deepEqual(lab.told.at(-1)?.scopes[0]?.budgets, [{ ...before, limitNano: 0 }]);
    await keys.update("ci", { budgets: [] }, action("key.update"));
    assert.deepEqual(lab.told.at(-1)?.scopes[0]?.budgets, [], "none is not nought");
  }));

test("A17 rotate() ends the old secret at once, or when the grace ends", () =>
  withLab(async (lab) => {
    const { keys } = lab.services;
    const { secret: first } = await keys.create({ name: "ci" }, action("key.create"));
    const { key, secret: second } = await keys.rotate("ci", { grace_ms: hourMs }, action("key.rotate"));
    assert.notEqual(first, second);
    assert.equal(key.old_secret_expires_at_ms, labTime + hourMs);
    assert.deepEqual(
      lab.told
        .at(-1)
        ?.hashes.map(({ expiresAtMs }) => expiresAtMs)
        .sort(),
      [labTime + hourMs, undefined],
    );
    const { key: last } = await keys.rotate("ci", {}, action("key.rotate"));
    assert.equal(last.old_secret_expires_at_ms, null);
    assert.equal(lab.told.at(-1)?.hashes.length, 1);
  }));

test("show() finds by id and by name, and says expired when it is", () =>
  withLab(async (lab) => {
    const { keys } = lab.services;
    const { key } = await keys.create({ name: "ci", expires_in_ms: hourMs }, action("key.create"));
    assert.deepEqual((await keys.show(key.id)).key, (await keys.show("ci")).key);
    lab.clock += hourMs;
    assert.equal((await keys.show("ci")).key.state, "expired");
    await assert.rejects(keys.show("nobody"), { code: "not_found" });
    await assert.rejects(keys.show("key_999999"), { code: "not_found" });
  }));

test("list() pages by id and leaves revoked keys out unless asked", () =>
  withLab(async (lab) => {
    const { keys } = lab.services;
    for (const name of ["a", "b", "c", "d"]) await keys.create({ name }, action("key.create"));
    await keys.revoke("b", action("key.revoke"));
    const first = await keys.list({ limit: 2 });
    const second = await keys.list({ limit: 2, after: first.next! });
    assert.deepEqual(
      [first, second].map((page) => page.keys.map(({ name }) => name)),
      [["a", "c"], ["d"]],
    );
    assert.equal(second.next, null);
    assert.equal((await keys.list({ all: true })).keys.length, 4);
    await assert.rejects(keys.list({ after: "x" }), { code: "invalid_request" });
  }));

test("rotateAll() tells each new secret once, and which keys have none", () =>
  withLab(async (lab) => {
    const { keys } = lab.services;
    for (const name of ["a", "b"]) await keys.create({ name }, action("key.create"));
    await keys.revoke("b", action("key.revoke"));
    const { rotated, failed } = await keys.rotateAll({ ids: ["nobody", "a"], grace_ms: 5 }, action("key.rotate"));
    assert.deepEqual(
      [rotated.map(({ key }) => key.name), failed.map(({ id, code }) => [id, code])],
      [["a"], [["nobody", "not_found"]]],
    );
    assert.match(rotated[0]!.secret, /^sk-bf-/);
    assert.equal(rotated[0]!.key.old_secret_expires_at_ms, lab.clock + 5);
    const answer = await lab.ask({ method: "POST", path: "/api/keys/rotate", body: { ids: ["a", "a"] } });
    assert.equal(answer.status, 400);
  }));
