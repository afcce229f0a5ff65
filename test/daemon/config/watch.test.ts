import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { LoadResult } from "../../../daemon/config/load.ts";
import { type ConfigWatch, watchConfig } from "../../../daemon/config/watch.ts";

type Outcome = { readonly result: LoadResult; readonly text: string };

/** A watched folder, and the outcomes in order. */
async function start(
  context: TestContext,
  text: string,
  options: { files?: string[]; path?: string; lookMs?: number; settleMs?: number; isBusy?: boolean } = {},
) {
  const folder = await mkdtemp(join(tmpdir(), "bifrost-watch-"));
  const path = join(folder, options.path ?? "config.yaml");
  const outcomes: Outcome[] = [];
  const waiting: (() => void)[] = [];
  let watch: ConfigWatch | undefined;
  let number = 1;
  let taken = 0;
  context.after(async () => {
    await watch?.close();
    await rm(folder, { recursive: true, force: true });
  });
  return {
    folder,
    path,
    outcomes,
    async watch() {
      watch = await watchConfig({
        path,
        text,
        files: (options.files ?? []).map((name) => join(folder, name)),
        environment: {},
        ...(options.isBusy === true ? { busyFolder: folder } : {}),
        current: () => undefined,
        nextNumber: () => ++number,
        lookMs: options.lookMs ?? 60_000,
        settleMs: options.settleMs ?? 100,
        onOutcome(result, seen) {
          outcomes.push({ result, text: seen });
          waiting.shift()?.();
        },
      });
      return watch;
    },
    /** The next outcome that nobody has waited for yet. */
    async next(): Promise<Outcome> {
      const wanted = ++taken;
      while (outcomes.length < wanted) await new Promise<void>((done) => waiting.push(done));
      return outcomes[wanted - 1]!;
    },
  };
}
function port({ result }: Outcome): number | readonly string[] {
  return result.ok ? result.data.server.port : result.problems.map(({ message }) => message);
}

const yaml = (value: number) => `server: { port: ${value} }\n`;

/** Each way a file comes to be changed in real life; the watcher must see three in a row. */
const edits: readonly {
  readonly name: string;
  prepare?(folder: string): Promise<void>;
  edit(folder: string, text: string, round: number): Promise<void>;
}[] = [
  { name: "written in place", edit: (folder, text) => writeFile(join(folder, "config.yaml"), text) },
  {
    name: "written beside and renamed over",
    async edit(folder, text) {
      await writeFile(join(folder, "new"), text);
      await rename(join(folder, "new"), join(folder, "config.yaml"));
    },
  },
  {
    name: "saved by vim: moved aside, written anew, backup removed",
    async edit(folder, text) {
      await rename(join(folder, "config.yaml"), join(folder, "config.yaml~"));
      await writeFile(join(folder, "config.yaml"), text);
      await rm(join(folder, "config.yaml~"));
    },
  },
  {
    name: "removed and created 300 ms later",
    async edit(folder, text) {
      await rm(join(folder, "config.yaml"));
      await new Promise((done) => setTimeout(done, 300));
      await writeFile(join(folder, "config.yaml"), text);
    },
  },
  {
    name: "swapped by Kubernetes behind ..data",
    async prepare(folder) {
      await mkdir(join(folder, "..v0"));
      await rename(join(folder, "config.yaml"), join(folder, "..v0", "config.yaml"));
      await symlink("..v0", join(folder, "..data"));
      await symlink(join("..data", "config.yaml"), join(folder, "config.yaml"));
    },
    async edit(folder, text, round) {
      await mkdir(join(folder, `..v${round}`));
      await writeFile(join(folder, `..v${round}`, "config.yaml"), text);
      await symlink(`..v${round}`, join(folder, "..data_tmp"));
      await rename(join(folder, "..data_tmp"), join(folder, "..data"));
      await rm(join(folder, `..v${round - 1}`), { recursive: true });
    },
  },
  {
    name: "a link whose target elsewhere is edited",
    async prepare(folder) {
      await mkdir(join(folder, "elsewhere"));
      await rename(join(folder, "config.yaml"), join(folder, "elsewhere", "real.yaml"));
      await symlink(join(folder, "elsewhere", "real.yaml"), join(folder, "config.yaml"));
    },
    edit: (folder, text) => writeFile(join(folder, "elsewhere", "real.yaml"), text),
  },
];

for (const { name, prepare, edit } of edits) {
  test(`R9 watchConfig() sees a file ${name}`, async (context) => {
    const { folder, path, watch, next } = await start(context, yaml(1000));
    await writeFile(path, yaml(1000));
    await prepare?.(folder);
    await watch();
    for (const round of [1, 2, 3]) {
      await edit(folder, yaml(1000 + round), round);
      assert.equal(port(await next()), 1000 + round);
    }
  });
}

test("R9 watchConfig() never reads a file that is still being written", async (context) => {
  const { path, watch, next, outcomes } = await start(context, yaml(1), { settleMs: 600 });
  await writeFile(path, yaml(1));
  await watch();
  // Each prefix is a valid config with another port: reading any of them would show.
  const whole = "server:\n  port: 12345\n";
  for (let length = whole.length - 6; length <= whole.length; length++) {
    await writeFile(path, whole.slice(0, length));
    await new Promise((done) => setTimeout(done, 40));
  }
  assert.equal(port(await next()), 12345);
  assert.equal(outcomes.length, 1);
});

test("R9 watchConfig() refuses a version without the end marker where the one before had it", async (context) => {
  const { path, watch, next } = await start(context, `${yaml(1)}...\n`);
  await writeFile(path, `${yaml(1)}...\n`);
  await watch();
  await writeFile(path, yaml(2));
  assert.deepEqual(port(await next()), [
    "the accepted version ended in `...` and this one does not: still being written? End it with `...` again",
  ]);
  await writeFile(path, `${yaml(3)}...\n`);
  assert.equal(port(await next()), 3);
});

test("A59 watchConfig() tells what is wrong and goes on watching", async (context) => {
  const { path, watch, next } = await start(context, yaml(1));
  await writeFile(path, yaml(1));
  await watch();
  await writeFile(path, "server: { prot: 2 }\n");
  const { result } = await next();
  assert.ok(!result.ok);
  assert.deepEqual(result.problems, [
    { file: path, line: 1, column: 11, path: "server.prot", message: "unknown key", suggestion: "port" },
  ]);
  await writeFile(path, yaml(3));
  assert.equal(port(await next()), 3);
});

test("watchConfig() says when the file is gone, and loads it when it is back", async (context) => {
  const { path, watch, next } = await start(context, yaml(1));
  await writeFile(path, yaml(1));
  await watch();
  await rm(path);
  assert.deepEqual(port(await next()), ["cannot be read: no such file; the running config stays"]);
  await writeFile(path, yaml(2));
  assert.equal(port(await next()), 2);
});

test("watchConfig() loads again when a secret file changes, and watches the files a new version names", async (context) => {
  const text = "providers: { openai: { api_key: file.first } }\n";
  const { folder, path, watch, next } = await start(context, text, { files: ["first"] });
  const key = ({ result }: Outcome) => (result.ok ? result.data.providers[0]?.credentials[0]?.value : result.problems);
  await writeFile(path, text);
  await writeFile(join(folder, "first"), "one");
  await watch();
  await writeFile(join(folder, "first"), "two");
  assert.equal(key(await next()), "two");
  await mkdir(join(folder, "other"));
  await writeFile(join(folder, "other", "second"), "three");
  await writeFile(path, text.replace("first", "other/second"));
  assert.equal(key(await next()), "three");
  // Only once the watcher rests does a change need an event of its own to be seen.
  await new Promise((done) => setTimeout(done, 400));
  await writeFile(join(folder, "other", "second"), "four");
  assert.equal(key(await next()), "four");
});

test("watchConfig() finds a change whose event never came, at the regular look", async (context) => {
  const text = "providers: { openai: { api_key: file.deep/key } }\n";
  const { folder, path, watch, next } = await start(context, text, { files: ["deep/key"], lookMs: 200 });
  await writeFile(path, text);
  await watch();
  await mkdir(join(folder, "deep"));
  await writeFile(join(folder, "deep", "key"), "secret");
  const { result } = await next();
  assert.equal(result.ok, true);
});

test("watchConfig() is silent about a touch that changes nothing", async (context) => {
  const { path, watch, next, outcomes } = await start(context, yaml(1));
  await writeFile(path, yaml(1));
  await watch();
  await writeFile(path, await readFile(path));
  await new Promise((done) => setTimeout(done, 400));
  assert.equal(outcomes.length, 0);
  await writeFile(path, yaml(2));
  assert.equal(port(await next()), 2);
});

test("watchConfig() loads at once what changed before it began", async (context) => {
  const { path, watch, next } = await start(context, yaml(1));
  await writeFile(path, yaml(2));
  await watch();
  assert.equal(port(await next()), 2);
});

test("reload() answers with the outcome even when nothing has changed", async (context) => {
  const { path, watch } = await start(context, yaml(7));
  await writeFile(path, yaml(7));
  const running = await watch();
  const result = await running.reload();
  assert.equal(result.ok && result.data.server.port, 7);
  await running.close();
  await assert.rejects(running.reload(), /no longer watched/);
});

test("a config beside the databases is found changed, also when it is replaced, and nobody listens to its folder", async (context) => {
  const text = "server: { port: 9001 }\n";
  const config = await start(context, text, { isBusy: true });
  await writeFile(config.path, text);
  await config.watch();
  const listened = await listenedInodes();
  if (listened !== undefined) assert.equal(listened.has((await stat(config.folder)).ino), false);
  await writeFile(config.path, "server: { port: 9002 }\n");
  assert.equal(port(await config.next()), 9002);
  await writeFile(`${config.path}.new`, "server: { port: 9003 }\n");
  await rename(`${config.path}.new`, config.path);
  assert.equal(port(await config.next()), 9003);
});

test("a config anywhere else is listened to", { skip: process.platform !== "linux" }, async (context) => {
  const config = await start(context, "");
  await writeFile(config.path, "");
  await config.watch();
  assert.equal((await listenedInodes())?.has((await stat(config.folder)).ino), true);
});

/** What this process has asked inotify for; undefined where the system does not tell. */
async function listenedInodes(): Promise<Set<number> | undefined> {
  if (process.platform !== "linux") return undefined;
  const found = new Set<number>();
  for (const name of await readdir("/proc/self/fdinfo")) {
    const text = await readFile(`/proc/self/fdinfo/${name}`, "utf8").catch(() => ""); // closed meanwhile
    for (const [, inode] of text.matchAll(/^inotify wd:\w+ ino:(\w+)/gm)) found.add(Number.parseInt(inode!, 16));
  }
  return found;
}
