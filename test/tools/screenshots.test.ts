import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { textOf } from "../../cli/tui/draw/line.ts";
import { headLine, layout } from "../../cli/tui/draw/table.ts";
import { viewNamed } from "../../cli/tui/views.ts";

const root = join(import.meta.dirname, "../..");
/** As `tools/make-screenshots.ts` opens its terminal. */
const columns = 118;

test("the pictures of the README are all shown there, and have the columns that their views have now: npm run screenshots", () => {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const pictures = globSync("docs/images/tui-*.svg", { cwd: root }).sort();
  assert.ok(pictures.length >= 5);
  for (const picture of pictures) {
    assert.ok(readme.includes(picture), picture);
    const shown = readFileSync(join(root, picture), "utf8").replaceAll(/<[^>]*>/g, "");
    const view = viewNamed(/tui-(\w+)\.svg/.exec(picture)![1]!)!;
    assert.ok(shown.includes(view.name), picture);
    if (view.table === undefined) continue;
    const head = textOf(headLine(layout(view.table.columns, columns), view.table.sort, columns));
    // The sorted column is a piece of its own in the picture.
    for (const piece of head.split(/\s{2,}/).filter((each) => !/[↓↑]/.test(each)))
      assert.ok(shown.includes(piece.trim()), `${picture} has ${piece}`);
  }
});
