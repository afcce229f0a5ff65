/** Completion as a person meets it: the script in the real shell, and the tab key. */
import assert from "node:assert/strict";
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { openLab } from "../daemon/admin/admin-lab.ts";
import { hasTmux, openTmux } from "../support/tmux.ts";
import { runHere } from "./run-in-process.ts";

const main = join(import.meta.dirname, "../../cli/main.ts");
const has = (program: string) => spawnSync(program, ["--version"]).status === 0;
const missing = (...programs: string[]) => {
  const absent = programs.filter((program) => (program === "tmux" ? !hasTmux : !has(program)));
  return absent.length === 0 ? false : `${absent.join(" and ")} is not installed`;
};

/** The script in a file, and a `bifrost` that does nothing. */
function script(t: TestContext, shell: string): { readonly folder: string; readonly file: string } {
  const folder = mkdtempSync(join(tmpdir(), "bifrost-completion-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "script");
  writeFileSync(file, execFileSync(process.execPath, [main, "completion", shell]));
  writeFileSync(join(folder, "bifrost"), "#!/bin/sh\n", { mode: 0o755 });
  return { folder, file };
}

/** What is typed before the tab key, and what then stands there. */
const lines: readonly (readonly [typed: string, after: string])[] = [
  ["bifrost doc", "bifrost doctor"],
  ["bifrost keys rot", "bifrost keys rotate"],
  ["bifrost keys create --conc", "bifrost keys create --concurrency"],
  ["bifrost --home /tmp keys update ci --content met", "bifrost --home /tmp keys update ci --content metadata"],
  ["bifrost usage --by cred", "bifrost usage --by credential"],
  ["bifrost tui prov", "bifrost tui providers"],
];

for (const [shell, start] of [
  ["bash", "bash --norc --noprofile"],
  ["zsh", "zsh -f"],
] as const) {
  test(`completion ${shell} completes commands, options and their values at a tab`, {
    skip: missing(shell, "tmux"),
  }, async (t) => {
    const { folder, file } = script(t, shell);
    const tmux = openTmux({ width: 120, height: 20, cwd: folder, env: { HOME: folder } });
    t.after(() => tmux.close());
    const enter = (text: string) => {
      tmux.text(text);
      tmux.keys("Enter");
    };
    enter(`PATH=${folder}:$PATH PS1='ready> ' ${start}`);
    await tmux.seeing(/^ready> ?$/m);
    enter(`PS1='> '; source ${file}; echo "read with $?"`);
    await tmux.seeing(/^read with 0$/m);
    for (const [typed, after] of lines) {
      tmux.text(typed);
      tmux.keys("Tab");
      await tmux.seeing(new RegExp(`^> ${after.replaceAll("/", "\\/")} ?$`, "m"));
      // Not ctrl-c: a terminal throws away what was typed after it and not read yet.
      tmux.keys("C-u");
    }
    tmux.text("bifrost budgets ");
    tmux.keys("Tab", "Tab");
    await tmux.seeing(/list +override +reset/);
    tmux.keys("C-u");
  });
}

/** Two keys and a team of a daemon; one key has a name that a shell would run. */
async function daemonWithNames(t: TestContext) {
  const lab = openLab();
  t.after(() => lab.close());
  await lab.listen();
  await lab.ask({ method: "POST", path: "/api/governance/teams", body: { name: "research" } });
  for (const name of ["nightly-build", "$(touch ran) two"])
    await lab.ask({ method: "POST", path: "/api/keys", body: { name } });
  const asked = (...argv: string[]) => runHere(["completion", "--names", ...argv], { home: lab.home });
  return { lab, asked };
}

test("completion --names tells a daemon's names, the id of what a shell would take apart, and nothing where none runs", async (t) => {
  const { lab, asked } = await daemonWithNames(t);
  const odd = (await asked("key")).out.split("\n").find((name) => name.startsWith("key_"));
  assert.match(odd ?? "", /^key_\w+$/);
  assert.deepEqual((await asked("key")).out.split("\n").toSorted(), ["", odd, "nightly-build"].toSorted());
  assert.equal((await asked("team")).out, "research\n");
  assert.match((await asked("owner")).out, /^key:nightly-build\n(?:.*\n)*team:research\n/m);
  assert.deepEqual(await asked("nonsense"), { code: 0, out: "", err: "", asked: [] });
  await lab.close();
  assert.deepEqual(await asked("key"), { code: 0, out: "", err: "", asked: [] });
});

for (const shell of ["bash", "zsh", "fish"] as const) {
  test(`completion ${shell} completes names of the daemon that the line means`, { skip: missing(shell) }, async (t) => {
    const { lab } = await daemonWithNames(t);
    const { folder, file } = script(t, shell);
    writeFileSync(join(folder, "bifrost"), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`, { mode: 0o755 });
    const offered = async (typed: string) => {
      const body = shell === "fish" ? `source ${file}; complete -C '${typed}'` : typedInto[shell](file, typed);
      const { stdout } = await promisify(execFile)(shell, [...plain[shell], "-c", body], {
        cwd: folder,
        env: { HOME: folder, PATH: `${folder}:/usr/bin:/bin` },
      });
      return stdout.split(/\s+/).filter((word) => word !== "");
    };
    const at = `bifrost --home ${lab.home}`;
    assert.deepEqual(await offered(`${at} keys show night`), ["nightly-build"]);
    assert.deepEqual(await offered(`${at} keys create --team re`), ["research"]);
    assert.deepEqual(await offered(`${at} teams update rese`), ["research"]);
    // Bash parts words at a colon and replaces the last alone.
    assert.deepEqual(await offered(`${at} budgets reset team:re`), [shell === "bash" ? "research" : "team:research"]);
    assert.deepEqual(await offered("bifrost keys show night"), [], "no daemon runs over the usual home");
    assert.equal(existsSync(join(folder, "ran")), false);
  });
}

const plain = { bash: ["--norc", "--noprofile"], zsh: ["-f"], fish: ["--no-config"] } as const;

/** What a tab key makes the shell do, for those that tell nobody what they would offer. */
const typedInto = {
  bash: (file: string, typed: string) => {
    const words = typed.split(" ").flatMap((word) => (word.startsWith("/") ? [word] : word.split(/(:)/)));
    const list = words.map((word) => `'${word}'`).join(" ");
    return `source ${file}; COMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _bifrost; echo "\${COMPREPLY[@]}"`;
  },
  zsh: (file: string, typed: string) => {
    const words = typed.split(" ");
    // compadd works only under the line editor; this one filters as that does.
    return `compdef() { :; }; source ${file}
compadd() { shift; local each; for each in "$@"; do case "$each" in "\${words[CURRENT]}"*) print -r -- "$each";; esac; done }
words=(${words.map((word) => `'${word}'`).join(" ")}); CURRENT=${words.length}; _bifrost`;
  },
} as const;

test("completion zsh works as a file of fpath too", { skip: missing("zsh") }, (t) => {
  const { folder, file } = script(t, "zsh");
  const body = `fpath=(${folder} $fpath); cp ${file} ${folder}/_bifrost; autoload -U compinit; compinit -u -D; print -r -- $_comps[bifrost]`;
  assert.equal(
    execFileSync("zsh", ["-f", "-c", body], { encoding: "utf8", env: { HOME: folder, PATH: "/usr/bin:/bin" } }),
    "_bifrost\n",
  );
});

test("completion fish completes commands, options and their values", { skip: missing("fish") }, (t) => {
  const { folder, file } = script(t, "fish");
  const offered = (typed: string) =>
    execFileSync("fish", ["--no-config", "-c", `source ${file}; complete -C '${typed}'`], {
      encoding: "utf8",
      cwd: folder,
      env: { HOME: folder, PATH: `${folder}:/usr/bin:/bin` },
    })
      .split("\n")
      .filter((line) => line !== "");
  for (const [typed, after] of lines) assert.deepEqual(offered(typed), [after.split(" ").at(-1)], typed);
  assert.deepEqual(offered("bifrost budgets "), ["list", "override", "reset"]);
  assert.deepEqual(offered("bifrost completion "), ["bash", "fish", "zsh"]);
});
