import assert from "node:assert/strict";
import { lstat, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Boot, bootConfig } from "../../../daemon/config/boot.ts";
import { generationsMax, type History, openHistory } from "../../../daemon/config/history.ts";
import { type LoadResult, loadConfig } from "../../../daemon/config/load.ts";

async function home(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "bifrost-home-"));
  context.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const environment = { OPENAI_API_KEY: "sk-from-the-environment" };

async function load(text: string, path: string, number: number): Promise<LoadResult & { ok: true }> {
  const result = await loadConfig({ text, path, environment, number });
  assert.ok(result.ok);
  return result;
}

async function accept(history: History, text: string, path = "/etc/c.yaml"): Promise<void> {
  await history.record(await load(text, path, history.nextNumber()), path);
}

const yaml = (port: number) =>
  `# the port\nserver: { port: ${port} }\nproviders: { openai: { api_key: env.OPENAI_API_KEY } }\n`;

test("openHistory() keeps what was accepted, newest first, and counts up by one across starts", async (context) => {
  const folder = await home(context);
  const history = await openHistory(folder, () => 1_700_000_000_000);
  assert.deepEqual([history.nextNumber(), await history.list(), await history.lastGood()], [1, [], undefined]);
  await accept(history, yaml(1));
  await accept(history, yaml(2));
  const again = await openHistory(folder);
  assert.equal(again.nextNumber(), 3);
  assert.equal(again.nextNumber(8), 9);
  const list = await again.list();
  assert.deepEqual(
    list.map(({ number, acceptedAtMs, path, source, complete }) => ({ number, acceptedAtMs, path, source, complete })),
    [2, 1].map((number) => ({
      number,
      acceptedAtMs: 1_700_000_000_000,
      path: "/etc/c.yaml",
      source: yaml(number),
      complete: true,
    })),
  );
  assert.deepEqual(await again.lastGood(), list[0]);
});

test("record() keeps files that only their owner may read, and never a secret", async (context) => {
  const folder = await home(context);
  const history = await openHistory(folder);
  await accept(history, yaml(1));
  await accept(history, "# sk-from-the-environment\nproviders: { openai: { api_key: sk-written-out-0123456789 } }\n");
  const generations = join(folder, "generations");
  assert.equal((await stat(generations)).mode & 0o777, 0o700);
  for (const name of await readdir(generations)) {
    assert.equal((await stat(join(generations, name))).mode & 0o777, 0o600);
    assert.doesNotMatch(await readFile(join(generations, name), "utf8"), /sk-/);
  }
});

test("record() keeps the newest fifty", async (context) => {
  const folder = await home(context);
  const history = await openHistory(folder);
  const result = await load(yaml(1), "/c.yaml", 1);
  for (let number = 1; number <= generationsMax + 3; number++) {
    await history.record({ ...result, data: { ...result.data, number } }, "/c.yaml");
  }
  const numbers = (await history.list()).map(({ number }) => number);
  assert.deepEqual([numbers.length, numbers[0], numbers.at(-1)], [50, 53, 4]);
  assert.equal((await readdir(join(folder, "generations"))).length, 50);
});

test("lastGood() passes over a file that was cut", async (context) => {
  const folder = await home(context);
  const history = await openHistory(folder);
  await accept(history, yaml(1));
  await accept(history, yaml(2));
  await writeFile(join(folder, "generations", "00000002.json"), '{"number":2,"sou');
  assert.equal((await history.lastGood())?.number, 1);
  assert.equal((await openHistory(folder)).nextNumber(), 3);
});

test("diff() shows two generations as a unified diff", async (context) => {
  const history = await openHistory(await home(context));
  await accept(history, yaml(1));
  await accept(history, yaml(2));
  assert.equal(
    await history.diff(1, 2),
    `--- generation 1
+++ generation 2
@@ -1,3 +1,3 @@
 # the port
-server: { port: 1 }
+server: { port: 2 }
 providers: { openai: { api_key: env.OPENAI_API_KEY } }
`,
  );
  assert.equal(await history.diff(1, 9), undefined);
});

test("rollback() writes a generation back to the file, through a link, keeping its mode", async (context) => {
  const folder = await home(context);
  const history = await openHistory(folder);
  const [real, path] = [join(folder, "real.yaml"), join(folder, "config.yaml")];
  await writeFile(real, yaml(2), { mode: 0o640 });
  await symlink(real, path);
  await accept(history, yaml(1), path);
  await accept(history, yaml(2), path);
  assert.deepEqual(await history.rollback(1, path), { ok: true, text: yaml(1) });
  assert.equal(await readFile(path, "utf8"), yaml(1));
  assert.equal((await stat(real)).mode & 0o777, 0o640);
  assert.ok((await lstat(path)).isSymbolicLink());
  assert.deepEqual((await readdir(folder)).sort(), ["config.yaml", "generations", "real.yaml"]);
});

test("rollback() refuses what it cannot put back, and says why", async (context) => {
  const folder = await home(context);
  const history = await openHistory(folder);
  await accept(history, "providers: { openai: { api_key: sk-written-out-0123456789 } }\n");
  await accept(history, yaml(2));
  const path = join(folder, "config.yaml");
  assert.deepEqual(await history.rollback(7, path), { ok: false, message: "generation 7 is not kept; there are 1, 2" });
  assert.deepEqual(await history.rollback(1, path), {
    ok: false,
    message: "generation 1 had a secret written out, which history does not keep: use env.NAME or file.PATH",
  });
  const nowhere = join(folder, "no", "config.yaml");
  assert.deepEqual(await history.rollback(2, nowhere), { ok: false, message: `cannot write ${nowhere}: no such file` });
});

/** One start of the daemon over this home and file. */
async function boot(
  folder: string,
  path: string | undefined,
  more: { environment?: Record<string, string> } = {},
): Promise<Boot> {
  return bootConfig({ path, environment, history: await openHistory(folder), now: 0, ...more });
}

test("bootConfig() starts with the file, and keeps its number while the file stays the same", async (context) => {
  const folder = await home(context);
  const path = join(folder, "config.yaml");
  await writeFile(path, yaml(1));
  const first = await boot(folder, path);
  const second = await boot(folder, path);
  assert.ok(first.ok && second.ok);
  assert.deepEqual(second, first);
  assert.deepEqual([first.from, first.result.data.number, first.text], ["file", 1, yaml(1)]);
  await writeFile(path, yaml(2));
  const third = await boot(folder, path);
  assert.ok(third.ok);
  assert.deepEqual([third.result.data.number, third.result.data.server.port], [2, 2]);
});

test("bootConfig() builds from the stored values, but only those that this schema has checked", async (context) => {
  const folder = await home(context);
  const path = join(folder, "config.yaml");
  const stored = join(folder, "generations", "00000001.json");
  await writeFile(path, yaml(1));
  await boot(folder, path);
  const entry = JSON.parse(await readFile(stored, "utf8"));
  const marked = { ...entry, file: { ...entry.file, server: { port: 4321 } } };
  const portAfter = async (kept: unknown) => {
    await writeFile(stored, JSON.stringify(kept));
    const started = await boot(folder, path);
    return started.ok && started.result.data.server.port;
  };
  assert.equal(await portAfter(marked), 4321);
  assert.equal(await portAfter({ ...marked, schema: "of another version" }), 1);
  assert.equal(await portAfter({ ...marked, hash: "of another text" }), 1);
});

test("bootConfig() resolves secrets anew, and finds the line when one is gone", async (context) => {
  const folder = await home(context);
  const path = join(folder, "config.yaml");
  await writeFile(path, yaml(1));
  await boot(folder, path);
  const rotated = await boot(folder, path, { environment: { OPENAI_API_KEY: "sk-new" } });
  assert.equal(rotated.ok && rotated.result.data.providers[0]?.credentials[0]?.value, "sk-new");
  assert.deepEqual(await boot(folder, path, { environment: {} }), {
    ok: false,
    problems: [
      {
        file: path,
        line: 3,
        column: 33,
        path: "providers.openai.api_key",
        message: "environment variable OPENAI_API_KEY is not set",
      },
    ],
  });
});

test("A59 bootConfig() starts with the last good generation when the file is broken or gone, and says why", async (context) => {
  const folder = await home(context);
  const path = join(folder, "config.yaml");
  await writeFile(path, yaml(1));
  const good = await boot(folder, path);
  await writeFile(path, yaml(2).replace("port:", "prot:"));
  const broken = await boot(folder, path);
  assert.ok(good.ok && broken.ok);
  assert.deepEqual(broken.result.data, good.result.data);
  assert.deepEqual(broken.from, "history");
  assert.deepEqual(broken.problems, [
    { file: path, line: 2, column: 11, path: "server.prot", message: "unknown key", suggestion: "port" },
  ]);
  await rm(path);
  const gone = await boot(folder, path);
  assert.deepEqual(gone.ok && gone.problems, [{ file: path, path: "", message: "cannot be read: no such file" }]);
});

test("bootConfig() does not start one file with the history of another", async (context) => {
  const folder = await home(context);
  await writeFile(join(folder, "a.yaml"), yaml(1));
  await writeFile(join(folder, "b.yaml"), "zzz: 1\n");
  await boot(folder, join(folder, "a.yaml"));
  assert.equal((await boot(folder, join(folder, "b.yaml"))).ok, false);
});

test("bootConfig() starts without a file by the defaults", async (context) => {
  const started = await boot(await home(context), undefined);
  assert.ok(started.ok);
  assert.deepEqual(
    [started.from, started.result.data.providers.map(({ name }) => name)],
    ["defaults", ["openai", "echo", "echo-paid"]],
  );
});
