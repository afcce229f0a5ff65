/** The real command line, as a process, against a real admin socket. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { userInfo } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { homeOf } from "../../cli/client.ts";
import { exitCodes } from "../../cli/failure.ts";
import { version } from "../../cli/version.ts";
import { type Lab, logRow, openLab } from "../daemon/admin/admin-lab.ts";
import { runCommand } from "../support/daemon.ts";
import { until } from "../support/until.ts";

const script = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));

type Running = {
  readonly child: ChildProcess;
  readonly out: () => string;
  readonly err: () => string;
  readonly ended: Promise<number | null>;
};

function start(lab: Lab, ...argv: string[]): Running {
  const child = spawn(process.execPath, [script, ...argv], {
    env: { PATH: process.env["PATH"], HOME: lab.home, BIFROST_HOME: lab.home },
  });
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => {
    out += part;
  });
  child.stderr.setEncoding("utf8").on("data", (part: string) => {
    err += part;
  });
  return { child, out: () => out, err: () => err, ended: once(child, "close").then(([code]) => code as number | null) };
}

async function online(body: (lab: Lab) => Promise<void>): Promise<void> {
  const lab = openLab();
  try {
    await lab.listen();
    await body(lab);
  } finally {
    await lab.close();
  }
}

test("bifrost --version prints the version and nothing else", async () => {
  assert.deepEqual(await runCommand(["--version"]), { code: 0, stdout: `${version}\n`, stderr: "" });
});

test("bifrost finds its daemon by --home and by $BIFROST_HOME", () =>
  online(async (lab) => {
    const byOption = await runCommand(["status", "--json", "--home", lab.home]);
    const byEnvironment = await runCommand(["status", "--json"], { BIFROST_HOME: lab.home });
    assert.deepEqual([byOption.code, byOption.stderr], [0, ""]);
    assert.equal(JSON.parse(byOption.stdout).home, lab.home);
    assert.equal(byEnvironment.stdout, byOption.stdout);
  }));

test("bifrost keys create leaves one audit record with the user who asked", () =>
  online(async (lab) => {
    const made = await runCommand(["keys", "create", "--name", "ci", "--home", lab.home]);
    assert.match(made.stdout, /^sk-bf-[\w-]{43}\n$/);
    assert.deepEqual(
      lab.records().map(({ actor, action, target }) => [actor, action, target]),
      [[`local:${process.getuid?.()}`, "key.create", "key_000001"]],
    );
  }));

test("bifrost fails without a stack trace, its exit code telling why", () =>
  online(async (lab) => {
    const missing = await runCommand(["keys", "show", "nobody", "--home", lab.home]);
    assert.deepEqual(missing, {
      code: exitCodes.notFound,
      stdout: "",
      stderr: 'error: there is no key "nobody"\nSee which there are: bifrost keys list\n',
    });
    const mistyped = await runCommand(["lgos"]);
    assert.deepEqual(mistyped, {
      code: exitCodes.usage,
      stdout: "",
      stderr: "error: unknown command 'lgos'\n(Did you mean logs?)\n",
    });
  }));

test("bifrost writes everything before it ends, however late its reader reads", () =>
  online(async (lab) => {
    for (let number = 1; number <= 100; number += 1) {
      const models = Array.from({ length: 50 }, (_, index) => `some-provider/some-model-${index}`);
      await lab.ask({ method: "POST", path: "/api/keys", body: { name: `key ${number}`, models } });
    }
    const command = [process.execPath, script, "keys", "list", "--home", lab.home];
    const child = spawn("sh", ["-c", '"$@" | { sleep 1; wc -l; }', "sh", ...command]); // a pipe holds 64 KB
    let out = "";
    child.stdout.on("data", (part) => {
      out += part;
    });
    await once(child, "close");
    assert.equal(out.trim(), "101");
  }));

test("bifrost is silent when its reader leaves", () =>
  online(async (lab) => {
    for (let number = 1; number <= 5_000; number += 1) lab.rows.push(logRow(number));
    const { child, err, ended } = start(lab, "logs", "--json", "--limit", "5000");
    child.stdout?.once("data", () => child.stdout?.destroy());
    assert.deepEqual([await ended, err()], [0, ""]);
  }));

test("bifrost logs -f prints what comes and ends with 0 at Ctrl-C", () =>
  online(async (lab) => {
    for (let number = 1; number <= 12; number += 1) lab.rows.push(logRow(number));
    const { child, out, err, ended } = start(lab, "logs", "-f", "--json");
    const ids = () =>
      out()
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).id);
    await until("the last ten rows", () => out().includes("req_12"));
    assert.deepEqual(
      ids(),
      Array.from({ length: 10 }, (_, index) => `req_${index + 3}`),
      "oldest first",
    );
    lab.rows.push(logRow(13), logRow(14));
    await until("the new rows", () => out().includes("req_14"));
    assert.deepEqual(ids().slice(10), ["req_13", "req_14"]);
    child.kill("SIGINT");
    assert.deepEqual([await ended, err()], [0, ""]);
  }));

test("bifrost logs -f says so when the daemon stops", () =>
  online(async (lab) => {
    lab.rows.push(logRow(1));
    const { out, err, ended } = start(lab, "logs", "-f");
    await until("the first row", () => out().includes("req_1"));
    assert.match(out(), /^TIME +ID/);
    await lab.close();
    assert.deepEqual([await ended, err()], [exitCodes.notRunning, "error: the daemon has stopped\n"]);
  }));

for (const shell of ["bash"]) {
  test(`bifrost completion ${shell} is a script that ${shell} takes and that completes`, async () => {
    const { stdout } = await runCommand(["completion", shell]);
    const words = ["bifrost keys cr", "bifrost tui au", "bifrost top --order c", "bifrost usage --limit 5 --by t"];
    const asked = words.map((line) => {
      return `COMP_WORDS=(${line}); COMP_CWORD=${line.split(" ").length - 1}; _bifrost; echo "\${COMPREPLY[@]}"`;
    });
    const ask = [stdout, ...asked].join("\n");
    const child = spawn(shell, ["-c", ask]);
    let out = "";
    child.stdout.on("data", (part) => {
      out += part;
    });
    await once(child, "close");
    assert.equal(out, "create\naudit\ncost\nteam tag target\n");
  });
}

test("homeOf() of an empty $HOME is the user's own, not the working directory", () => {
  assert.equal(homeOf(undefined, { HOME: "" }), join(userInfo().homedir, ".local/share/bifrost"));
  assert.equal(homeOf(undefined, { HOME: "/h", BIFROST_HOME: "" }), "/h/.local/share/bifrost");
});
