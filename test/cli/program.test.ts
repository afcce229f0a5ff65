import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { exitCodes } from "../../cli/failure.ts";
import { version } from "../../cli/version.ts";
import { type Lab, logRow, openLab } from "../daemon/admin/admin-lab.ts";
import { type RunOptions, runHere } from "./run-in-process.ts";

const root = new URL("../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), "utf8");

const commands = [
  ["serve"],
  ["status"],
  ["stop"],
  ["reload"],
  ["tui"],
  ["demo"],
  ["keys"],
  ["keys", "create"],
  ["keys", "list"],
  ["keys", "show"],
  ["keys", "update"],
  ["keys", "rotate"],
  ["keys", "revoke"],
  ["logs"],
  ["explain"],
  ["usage"],
  ["top"],
  ["doctor"],
  ["alerts", "list"],
  ["alerts", "test"],
  ["audit"],
  ["audit", "verify"],
  ["audit", "list"],
  ["audit", "export"],
  ["ledger"],
  ...(["check", "reprice"] as const).map((name) => ["ledger", name] as const),
  ["reconcile"],
  ["config"],
  ["config", "validate"],
  ["config", "schema"],
  ["config", "diff"],
  ["config", "history"],
  ...(["test", "rules"] as const).map((name) => ["route", name] as const),
  ["config", "rollback"],
  ["models"],
  ["providers"],
  ["providers", "list"],
  ["completion"],
] as const;

/** A home whose daemon is the lab's admin server. */
async function online(
  body: (lab: Lab, ask: (...argv: string[]) => ReturnType<typeof runHere>) => Promise<void>,
  options: Partial<RunOptions> = {},
): Promise<void> {
  const lab = openLab();
  try {
    await lab.listen();
    await body(lab, (...argv) => runHere(argv, { home: lab.home, ...options }));
  } finally {
    await lab.close();
  }
}

for (const command of commands) {
  const name = command.join(" ");
  test(`run() explains ${name} with --help, and docs/cli.md has it`, async () => {
    const { code, out, err } = await runHere([...command, "--help"], { home: "/nonexistent" });
    assert.deepEqual([code, err], [0, ""]);
    assert.match(out, new RegExp(`^Usage: bifrost ${name} `));
    const docs = read("docs/cli.md");
    assert.ok(docs.includes(`bifrost ${name}`), `docs/cli.md names bifrost ${name}`);
    const optionsPart = out.split("Global Options:")[0] ?? "";
    for (const [, option] of optionsPart.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm))
      assert.ok(docs.includes(`${option}`), `docs/cli.md names ${option} of ${name}`);
  });
}

test("run() lists every command in its own help", async () => {
  const { out } = await runHere(["--help"], { home: "/nonexistent" });
  for (const [name, ...rest] of commands) if (rest.length === 0) assert.match(out, new RegExp(`^ {2}${name} `, "m"));
});

test("exitCodes and docs/cli.md say the same", () => {
  const rows = [...read("docs/cli.md").matchAll(/^\| `?(\d)`? \|/gm)].map(([, code]) => Number(code));
  assert.deepEqual(rows, Object.values(exitCodes));
});

test("version is package.json's", () => {
  assert.equal(version, JSON.parse(read("package.json")).version);
});

test("main.ts loads nothing but the version before it knows what is asked", () => {
  const imports = [...read("cli/main.ts").matchAll(/^import .* from "(.*)";$/gm)].map(([, from]) => from);
  assert.deepEqual(imports, ["./version.ts"]);
});

const mistakes: readonly (readonly [readonly string[], RegExp])[] = [
  [["keys", "creat"], /Did you mean create\?/],
  [["status", "--jsno"], /unknown option '--jsno'\n\(Did you mean --json\?\)/],
  [["serve", "--port", "http"], /Expected a port/],
  [["keys", "create", "--name", "a", "--budget", "1/1mo"], /use 30d, or --calendar/],
  [["keys", "create", "--name", "a", "--budget", "1/1d", "--zone", "UTC"], /--zone needs --calendar/],
  [["keys", "update", "a", "--enable", "--disable"], /not both/],
  [["status", "surplus"], /too many arguments/],
  [["completion", "tcsh"], /Shells: bash, zsh, fish/],
  [[], /^Usage: bifrost/],
];
for (const [argv, message] of mistakes) {
  test(`run() answers "bifrost ${argv.join(" ")}" with a usage error`, () =>
    online(async (_, ask) => {
      const { code, out, err } = await ask(...argv);
      assert.deepEqual([code, out], [exitCodes.usage, ""]);
      assert.match(err, message);
      assert.doesNotMatch(err, / at /);
    }));
}

for (const name of ["status", "stop", "reload", "logs -f"]) {
  test(`run() says that no daemon runs when ${name} needs one`, async () => {
    const { code, out, err } = await runHere(name.split(" "), { home: "/nonexistent" });
    assert.deepEqual([code, out], [exitCodes.notRunning, ""]);
    assert.match(err, /^error: no daemon is running for \/nonexistent\nStart one with: bifrost serve --detach\n$/);
  });
}

const listings: readonly (readonly [string, RegExp, RegExp])[] = [
  ["status", /^state {7}serving\n[\s\S]*requests {4}2 in flight, 40 served/, /^\{\n {2}"version": "9.9.9"/],
  [
    "keys list",
    /^NAME +ID +STATE +BUDGET +SPENT[\s\S]*\nci +key_000001 +active +\$10\.00\/1d +\$1\.25/,
    /^\[\n {2}\{\n {4}"id": "key_000001"/,
  ],
  ["keys show ci", /^id +key_000001\n[\s\S]*budget 0 +\$10\.00\/1d, spent \$1\.25\n/, /^\{\n {2}"id": "key_000001"/],
  ["logs", /^TIME +ID +STATUS[\s\S]*req_2 +200[\s\S]*req_1/, /^\{"id":"req_2".*\n\{"id":"req_1"/],
  ["explain req_1", /fallback 1/, /"attempts": \[/],
  ["audit verify", /^chain +intact\n/, /"ok": true/],
  ["ledger check", /^ledger +balanced\n/, /"overrun_nano": 0/],
  ["ledger reprice --since 1d", /^MODEL +REQUESTS .*\nopenai\/gpt-4o +1 /, /"difference_nano": 5/],
  ["config history", /^GENERATION +SINCE +HASH/, /"active": true/],
  ["config diff", /^-a: 1\n\+a: 2\n$/, /"same": false/],
  ["config schema", /^\{\n {2}"type": "object"/, /"type": "object"/],
  ["models", /openai\/gpt-4o +\$2\.50 +\$10\.00 +\$1\.25 +128000[\s\S]*new +unpriced/, /"aliases": \{/],
  ["providers", /^NAME +HEALTH/, /"base_url"/],
  ["providers list", /^NAME +CONFIGURED +OPERATIONS[\s\S]*\nbedrock +eu +chat, count_tokens/, /"operations": \[/],
];
for (const [name, table, json] of listings) {
  test(`run() prints ${name} for people and, with --json, for programs`, () =>
    online(async (lab, ask) => {
      lab.rows.push(logRow(1), logRow(2));
      await ask("keys", "create", "--name", "ci", "--budget", "10/1d");
      const plain = await ask(...name.split(" "));
      assert.equal(plain.code, 0, plain.err);
      assert.match(plain.out, table);
      assert.ok(!plain.out.includes("\u001b"), "no colour without a terminal");
      const structured = await ask(...name.split(" "), "--json");
      assert.match(structured.out, json);
      for (const text of name === "logs" ? structured.out.trim().split("\n") : [structured.out]) JSON.parse(text);
      assert.equal(structured.err, "");
    }));
}

test("run() passes everything that `keys create` was told", () =>
  online(async (_, ask) => {
    const argv =
      "keys create --name ci --budget 10/1d --budget 100/1mo --calendar --zone Europe/Berlin --rpm 60 --tpm 100000 --models a,b/* --expires 30d --concurrency 0 --json";
    const { out, code, err } = await ask(...argv.split(" "));
    assert.equal(code, 0, err);
    const { key, secret } = JSON.parse(out);
    assert.match(secret, /^sk-bf-/);
    const berlin = { kind: "calendar", count: 1, zone: "Europe/Berlin" };
    assert.deepEqual(
      key.budgets.map(({ limit_nano, window }: Record<string, unknown>) => [limit_nano, window]),
      [
        [10_000_000_000, { ...berlin, unit: "day" }],
        [100_000_000_000, { ...berlin, unit: "month" }],
      ],
    );
    assert.deepEqual(
      key.limits.map(({ metric, limit }: Record<string, unknown>) => [metric, limit]),
      [
        ["requests", 60],
        ["tokens", 100_000],
      ],
    );
    assert.deepEqual(
      [key.models, key.concurrency_max, key.expires_at_ms - key.created_at_ms],
      [["a", "b/*"], 0, 30 * 86_400_000],
    );
  }));

test("run() knows nought from none in `keys create` and `keys update`", () =>
  online(async (_, ask) => {
    await ask("keys", "create", "--name", "ci");
    const key = async (...options: string[]) =>
      JSON.parse((await ask("keys", "update", "ci", ...options, "--json")).out);
    const shut = await key("--budget", "0", "--rpm", "0", "--concurrency", "0", "--models", "");
    assert.deepEqual(
      [shut.budgets[0].limit_nano, shut.limits[0].limit, shut.concurrency_max, shut.models],
      [0, 0, 0, []],
    );
    const open = await key("--no-budget", "--no-rpm", "--no-concurrency", "--models", "*", "--disable");
    assert.deepEqual(
      [open.budgets, open.limits, open.concurrency_max, open.models, open.state],
      [[], [], null, ["*"], "disabled"],
    );
    assert.equal((await key("--enable")).state, "active");
  }));

test("run() revokes only what somebody has agreed to", () =>
  online(async (lab, ask) => {
    await ask("keys", "create", "--name", "ci");
    const revoke = (options: Partial<RunOptions>, ...more: string[]) =>
      runHere(["keys", "revoke", "ci", ...more], { home: lab.home, ...options });
    const nobody = await revoke({});
    assert.deepEqual([nobody.code, /Add --yes/.test(nobody.err)], [exitCodes.usage, true]);
    const declined = await revoke({ answer: "n" });
    assert.deepEqual(
      [declined.code, declined.asked],
      [exitCodes.failure, ['Revoke key "ci" (key_000001) for good? [y/N] ']],
    );
    assert.deepEqual(await revoke({ answer: "y" }).then(({ code, err }) => [code, err]), [
      0,
      'Key "ci" (key_000001) is revoked.\n',
    ]);
    assert.equal((await revoke({}, "--yes")).code, exitCodes.notFound, "the name is free again");
  }));

test("run() tells a thing that is not there from one that went wrong", () =>
  online(async (_, ask) => {
    const missing = await ask("keys", "show", "nobody");
    assert.deepEqual(
      [missing.code, missing.err],
      [exitCodes.notFound, 'error: there is no key "nobody"\nSee which there are: bifrost keys list\n'],
    );
    assert.equal((await ask("explain", "req_0")).code, exitCodes.notFound);
    assert.equal((await ask("config", "rollback", "9", "--yes")).code, exitCodes.notFound);
    await ask("keys", "create", "--name", "ci");
    assert.equal((await ask("keys", "create", "--name", "ci")).code, exitCodes.failure);
    assert.equal((await ask("logs", "--status", "9xx")).code, exitCodes.usage);
  }));

test("run() exits 6 when a check finds something, with the finding on stdout", () =>
  online(async (lab, ask) => {
    const bad = await ask("config", "validate", "/tmp/bad.yaml");
    assert.deepEqual(
      [bad.code, bad.out],
      [exitCodes.checkFailed, '/tmp/bad.yaml:3:5: provders: unknown field; did you mean "providers"?\n'],
    );
    assert.equal((await ask("config", "validate", "/tmp/good.yaml")).code, 0);
    const problem = { record: 2, message: "its hash does not follow from record 1" };
    Object.assign(lab.services.audit, {
      verify: async () => ({ ok: false, records: 3, first_at_ms: 1, last_at_ms: 2, head: null, problem }),
    });
    const broken = await ask("audit", "verify");
    assert.deepEqual(
      [broken.code, broken.err],
      [exitCodes.checkFailed, "error: record 2: its hash does not follow from record 1\n"],
    );
    const row = { scope: 'key "ci"', budget: 0, window_start_ms: 0, balance_nano: 2, rows_nano: 1, message: "differs" };
    Object.assign(lab.services.ledger, {
      check: async () => ({ ok: false, scopes: 1, settlements: 1, holds_open: 0, overrun_nano: 0, problems: [row] }),
    });
    const unbalanced = await ask("ledger", "check");
    assert.equal(unbalanced.code, exitCodes.checkFailed);
    assert.match(unbalanced.out, /not balanced[\s\S]*key "ci" .*differs/);
  }));

test("run() fits tables to the terminal and colours them", () =>
  online(
    async (lab, ask) => {
      lab.rows.push(logRow(1, { target: `openai/${"long-".repeat(30)}` }));
      const { out } = await ask("logs");
      const [head, row] = out.split("\n");
      assert.ok(head?.startsWith("\u001b[1mTIME"));
      assert.ok(row !== undefined && row.length <= 100 && row.includes("…"), row);
    },
    { terminal: { columns: 100, hasColor: true } },
  ));

test("run() pages through the log until it has what was asked, also past an empty page", () =>
  online(async (lab, ask) => {
    for (let number = 1; number <= 2_500; number += 1)
      lab.rows.push(logRow(number, { status: number === 3 ? 500 : 200 }));
    const all = await ask("logs", "--json", "--limit", "2400");
    const ids = all.out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).id);
    assert.deepEqual([ids.length, ids[0], ids.at(-1)], [2_400, "req_2500", "req_101"]);
    const failed = await ask("logs", "--json", "--status", "500");
    assert.equal(JSON.parse(failed.out).id, "req_3");
  }));

test("run() exports the audit trail line by line", () =>
  online(async (_, ask) => {
    assert.equal((await ask("audit", "export")).out, '{"seq":1}\n{"seq":2}\n{"seq":3}\n');
  }));

test("run() stops, reloads and rolls back, and says what came of it", () =>
  online(async (lab, ask) => {
    const stopped = await ask("stop", "--drain", "2s");
    assert.deepEqual(
      [stopped.code, stopped.err, lab.stops],
      [0, "Waiting for 1 running request …\nStopped (process 1073741824).\n", [2_000]],
    );
    assert.equal((await ask("reload")).err, "Generation 4 is in use.\n");
    assert.equal((await ask("config", "rollback", "2", "--yes")).err, "Generation 5 is in use.\n");
  }));

test("run() without a daemon asks the same API in its own process, and closes it", async () => {
  const lab = openLab();
  try {
    let closed = 0;
    const daemon = {
      openOffline: async (home: string) => {
        assert.equal(home, lab.home);
        const close = async () => {
          closed += 1;
        };
        return { handle: lab.ask, close };
      },
    };
    const ask = (...argv: string[]) => runHere(argv, { home: lab.home, daemon });
    assert.match((await ask("keys", "create", "--name", "ci")).out, /^sk-bf-/);
    assert.match((await ask("keys", "list")).out, /key_000001/);
    assert.equal((await ask("keys", "show", "nobody")).code, exitCodes.notFound);
    assert.match((await ask("audit", "export")).out, /"seq":3/);
    assert.equal(closed, 4, "also after a failure");
  } finally {
    await lab.close();
  }
});

test("run() waits for a daemon that holds the home but does not answer yet", async () => {
  const lab = openLab();
  try {
    let tries = 0;
    const openOffline = async (): Promise<never> => {
      tries += 1;
      if (tries === 2) await lab.listen();
      throw Object.assign(new Error("held"), { code: "already_running" });
    };
    const ran = await runHere(["keys", "list", "--json"], { home: lab.home, daemon: { openOffline } });
    assert.deepEqual([ran.code, ran.out, tries], [0, "[]\n", 2]);
  } finally {
    await lab.close();
  }
});

test("run() shows a stack trace only with --debug", async () => {
  const openOffline = () => Promise.reject(new Error("the disk is on fire"));
  const ask = (...argv: string[]) => runHere(argv, { home: "/nonexistent", daemon: { openOffline } });
  assert.deepEqual(await ask("keys", "list").then(({ code, err }) => [code, err]), [1, "error: the disk is on fire\n"]);
  assert.match((await ask("keys", "list", "--debug")).err, /Error: the disk is on fire\n +at /);
});
