/** The commands of owners, budgets and wallets over a real home without a daemon, as a person would type them. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { KeySecretAnswer, KeyView } from "../../daemon/admin/contract/keys.ts";
import type { OwnerView, WalletAnswer } from "../../daemon/admin/contract/owners.ts";
import { runCommand } from "../support/daemon.ts";

test("owners, budgets and wallets do what they are told, also without a daemon", async (t) => {
  const home = mkdtempSync(join(tmpdir(), "bf-owners-"));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const cli = (...args: string[]) => runCommand([...args, "--home", home], {}, home);
  const json = async <T>(...args: string[]): Promise<T> => {
    const { code, stdout, stderr } = await cli(...args, "--json");
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as T;
  };
  await json("customers", "create", "--name", "acme", "--budget", "100/1M", "--calendar", "--zone", "Europe/Berlin");
  const team = await json<OwnerView>(
    ...["teams", "create", "--name", "research", "--customer", "acme", "--blocked", "openai/o1*"],
    ...["--limit", "spend:20/1h", "--limit", "requests:1000/1h", "--shadow", "--metadata", "plan=gold"],
  );
  assert.deepEqual(
    [team.parent?.name, team.blocked, team.limits.map(({ metric, limit, shadow }) => [metric, limit, shadow])],
    [
      "acme",
      ["openai/o1*"],
      [
        ["spend", 20_000_000_000, true],
        ["requests", 1_000, true],
      ],
    ],
  );
  const { key } = await json<KeySecretAnswer>(
    "keys",
    "create",
    "--name",
    "ci",
    "--team",
    "research",
    "--provider",
    "echo:2",
    "--unsupported",
    "strict",
  );
  assert.deepEqual([key.parent?.name, key.providers?.[0]?.weight, key.unsupported], ["research", 2, "strict"]);
  const told = async (...how: string[]) => (await json<KeyView>("keys", "update", "ci", ...how)).unsupported;
  assert.deepEqual([await told("--unsupported", "drop"), await told("--no-unsupported")], ["drop", null]);
  const raw = async (...how: string[]) => (await json<KeyView>("keys", "update", "ci", ...how)).raw;
  assert.deepEqual([await raw("--raw"), await raw("--description", "x"), await raw("--no-raw")], [true, true, false]);
  assert.match((await cli("keys", "update", "ci", "--unsupported", "loud")).stderr, /choices are strict, drop/);

  assert.match(
    (await cli("teams", "show", "research")).stdout,
    /of +customer acme\n[\s\S]*declared|declared by +the database/,
  );
  assert.match((await cli("teams", "list")).stdout, /NAME[\s\S]*research/);
  assert.equal((await json<OwnerView[]>("teams", "list", "--customer", "acme", "--search", "RES")).length, 1);
  assert.equal((await json<OwnerView[]>("teams", "list", "--search", "nobody")).length, 0);

  const changed = await json<OwnerView>("teams", "update", "research", "--disable", "--limit", "spend:none/1h");
  assert.deepEqual([changed.disabled, changed.limits.length, changed.metadata], [true, 1, { plan: "gold" }]);
  await json("limits", "create", "--model", "gpt-4*", "--team", "research", "--budget", "5/1d");
  assert.match((await cli("limits", "list")).stdout, /\*\/gpt-4\* for team research/);

  await json("wallets", "topup", "team:research", "50", "--note", "invoice 7");
  const wallet = await json<WalletAnswer>("wallets", "show", "team:research");
  assert.deepEqual([wallet.put_in_nano, wallet.entries[0]?.note], [50_000_000_000, "invoice 7"]);
  await json("budgets", "override", "customer:acme", "0", "--extra", "5", "--cycles", "2");
  assert.match((await cli("customers", "show", "acme")).stdout, /and \$5\.00 more until/);
  assert.match((await cli("budgets", "list")).stdout, /customer acme[\s\S]*team research[\s\S]*wallet/);

  const held = await cli("teams", "delete", "research", "--yes");
  assert.notEqual(held.code, 0);
  assert.match(held.stderr, /still has 2 below it/);
  await json("keys", "revoke", "ci", "--yes");
  await json("limits", "delete", "*/gpt-4* for team research", "--yes");
  await json("teams", "delete", "research", "--yes");
  assert.equal((await json<OwnerView[]>("teams", "list")).length, 0);
});
