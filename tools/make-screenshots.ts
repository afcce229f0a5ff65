/**
 * `npm run screenshots`: the pictures of the README. A real `bifrost demo` in a real tmux, keys typed, what one sees
 * captured and turned into SVG. Takes a minute, since traffic has to come first; needs tmux.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openTmux } from "../test/support/tmux.ts";
import { pause } from "../test/support/until.ts";
import { renderSvg } from "./screen-svg.ts";

const root = join(import.meta.dirname, "..");
const folder = join(root, "docs/images");
const [width, height] = [118, 32];
const trafficMs = 45_000;

mkdirSync(folder, { recursive: true });
const tmux = openTmux({ width, height, cwd: tmpdir(), env: { COLORTERM: "truecolor", NO_COLOR: "" } });
try {
  tmux.text(`clear; ${process.execPath} ${join(root, "cli/main.ts")} demo --rate 14`);
  tmux.keys("Enter");
  await tmux.seeing(/Traffic \d+/, 60_000);
  await pause(trafficMs);
  take("traffic");
  tmux.text("/flag:fallback stream:yes");
  tmux.keys("Enter");
  await tmux.seeing(/Traffic \d+ of \d+ {2}\/flag/);
  tmux.text("p");
  tmux.keys("Enter");
  await tmux.seeing(/Attempts/);
  take("request");
  tmux.text("p2");
  await tmux.seeing(/web-shop[\s\S]*support-bot/);
  take("spend");
  tmux.text("3");
  await tmux.seeing(/Keys and budgets \d/);
  take("keys");
  tmux.text("5");
  await tmux.seeing(/Providers \d[\s\S]*good/);
  take("providers");
  tmux.keys("C-c");
  await tmux.seeing(/^\$\s*$/);
} finally {
  tmux.close();
}

function take(name: string): void {
  writeFileSync(join(folder, `tui-${name}.svg`), renderSvg(tmux.seeStyled(), width, `bifrost tui: ${name}`));
}
