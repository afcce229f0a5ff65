/** `bifrost top` in a real terminal: it stays where it is, whatever the terminal's size. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { ask } from "../support/client.ts";
import { startDaemon } from "../support/daemon.ts";
import { hasTmux, openTmux } from "../support/tmux.ts";

const commandLine = join(import.meta.dirname, "../../cli/main.ts");

test("top is drawn over itself in a terminal that is narrow, low, or made smaller, and leaves it as it was", {
  skip: hasTmux ? false : "tmux is not installed",
}, async (t) => {
  const daemon = await startDaemon({ config: { auth: { inference: "open" } } });
  const tmux = openTmux({ width: 70, height: 9, cwd: daemon.home, env: { BIFROST_HOME: daemon.home } });
  t.after(async () => {
    tmux.close();
    await daemon.stop();
  });
  const asked = (user: string) =>
    ask(daemon.url, { dialect: "chat", model: "echo", headers: { "x-bifrost-user": user } });
  await Promise.all(Array.from({ length: 12 }, (_, index) => asked(`u${index % 6}`)));
  await asked("most");
  await asked("most");
  await asked("most");
  tmux.text(`${process.execPath} ${commandLine} top --by user; echo "left with $?"`);
  tmux.keys("Enter");
  /** How often the head stands there, and the rows below it. */
  const drawn = (lines: readonly string[]) =>
    [/^bifrost /, /^\d+ in flight/, /^USER /, /^(most|u\d) /].map(
      (what) => lines.filter((line) => what.test(line)).length,
    );
  assert.deepEqual(drawn(await tmux.seeing(/^most .*\s3\s/m)), [1, 1, 1, 4]);
  await asked("most");
  assert.deepEqual(drawn(await tmux.seeing(/^most .*\s4\s/m)), [1, 1, 1, 4]);
  tmux.resize(36, 8);
  await tmux.seeing(/^USER +REQ\/S +ERRORS +COST\/MIN$/m);
  for (const user of ["u1", "u1", "u1"]) await asked(user);
  const small = await tmux.seeing(/^u1 [^$]*\$[^$]*\nmost /m);
  assert.deepEqual(drawn(small), [1, 1, 1, 3], small.join("\n"));
  tmux.keys("C-c");
  await tmux.seeing(/left with 0/);
  assert.equal(tmux.variable("wrap_flag"), "1");
});
