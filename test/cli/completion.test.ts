/** Completion as a person meets it: the script in the real shell, and the tab key. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { hasTmux, openTmux } from "../support/tmux.ts";

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
