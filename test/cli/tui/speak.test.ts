process.env["TZ"] = "UTC";

import assert from "node:assert/strict";
import { test } from "node:test";
import { createSpeaker } from "../../../cli/tui/speak.ts";
import { cannedNow, cannedSource } from "./canned-source.ts";
import { keyBytes, openTui } from "./tui-lab.ts";

test("createSpeaker() says where one is, what is chosen and what is asked, and not what merely ticks on", async (t) => {
  const source = cannedSource();
  const lab = await openTui({ source, now: () => cannedNow, view: "keys" });
  t.after(() => lab.close());
  const said: string[] = [];
  const speaker = createSpeaker(lab.session.state, (line) => void said.push(line));
  const since = () => said.splice(0);
  await lab.seeing(/web-shop/);
  speaker.hear();
  assert.deepEqual(since(), [
    "Keys and budgets, 4 rows.",
    "1 of 4: name web-shop, state active, spent $31.40, limit $50.00, used 64%, resets 9h 10m, limits 600 requests/1m, models all, expires never, id key_000001",
  ]);
  speaker.hear();
  lab.session.state.pulse.push(99);
  speaker.hear();
  assert.deepEqual(since(), []);
  lab.type("j");
  speaker.answer();
  assert.match(since().join("\n"), /^2 of 4: name support-bot, state active, spent \$19\.10/);
  lab.type("d");
  await lab.seeing(/Disable/);
  speaker.answer();
  assert.deepEqual(since(), [
    'Disable "support-bot"?\nIts requests are refused until it is enabled again.\ny for yes, n for no.',
  ]);
  lab.type("n", "/", "name:batch", keyBytes.enter);
  speaker.answer();
  assert.match(
    since().join("\n"),
    /^Keys and budgets, 1 of 4 rows match name:batch\.\n1 of 1: name batch-night, state disabled/,
  );
  lab.type(":", "p");
  speaker.answer();
  lab.type(keyBytes.tab);
  speaker.answer();
  lab.type(keyBytes.tab);
  speaker.answer();
  assert.deepEqual(since(), ["Jump to which view? Type, then enter.", "providers.", "spend."]);
  lab.type(keyBytes.escape, "?");
  speaker.answer();
  assert.match(
    since().join("\n"),
    /^Moving\n↑ ↓ j k +up and down\n[\s\S]*^Looking\n\/ +filter$/m,
    "one after the other",
  );
  lab.type(keyBytes.escape);
  speaker.answer();
  source.away = true;
  await lab.seeing(/no daemon/);
  speaker.hear();
  source.away = false;
  await lab.seeing(/● serving/);
  speaker.hear();
  assert.deepEqual(since(), ["No daemon answers. Trying again.", "The daemon answers again"]);
});
