/** End users and tags that are disabled, or may call some models only: whatever key names them, on every way in. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Answer, ask, type ClientDialect } from "../support/client.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { outcome } from "../support/outcome.ts";

let daemon: Daemon;
let key: string;
before(async () => {
  const known = { of_the_file: { disabled: true } };
  daemon = await startDaemon({
    config: {
      server: { workers: 2 },
      ledger: patientLedger,
      providers: { a: { host: "echo" } },
      governance: { tags: { known } },
    },
  });
  key = await daemon.createKey();
  await daemon.admin("POST", "/api/governance/end-users", { name: "mallory", disabled: true });
  await daemon.admin("POST", "/api/governance/end-users", { name: "bob", blocked: ["regex:a/dear.*"] });
  await daemon.admin("POST", "/api/governance/tags", { name: "trial", models: ["a/cheap"] });
});
after(() => daemon?.stop());

const named = (model: string, headers: Record<string, string>, dialect: ClientDialect = "chat", stream = false) =>
  ask(daemon.url, { dialect, model, key, headers, stream });
const messageOf = (answer: Answer, dialect: ClientDialect = "chat") => outcome(dialect, answer).error?.message ?? "";

for (const dialect of ["chat", "messages"] as const)
  for (const stream of [false, true])
    test(`a disabled end user is refused, ${dialect}${stream ? " streamed" : ""}`, async () => {
      const refused = await named("a/x", { "x-bifrost-end-user": "mallory" }, dialect, stream);
      assert.equal(refused.status, 403, refused.text);
      assert.match(messageOf(refused, dialect), /end user "mallory" is disabled/);
      const { status } = await named("a/x", { "x-bifrost-end-user": "alice" }, dialect, stream);
      assert.equal(status, 200);
    });

test("the body names an end user as well as the header", async () => {
  const answer = await ask(daemon.url, { dialect: "chat", model: "a/x", key, body: { user: "mallory" } });
  assert.equal(answer.status, 403, answer.text);
});

test("lists of models of end users and tags hold, in the file too", async () => {
  const dear = await named("a/dear-1", { "x-bifrost-end-user": "bob" });
  assert.equal(dear.status, 403);
  assert.match(messageOf(dear), /end user or tag that this request names may not call a\/dear-1/);
  assert.equal((await named("a/x", { "x-bifrost-end-user": "bob" })).status, 200);
  assert.equal((await named("a/x", { "x-bifrost-tags": "trial" })).status, 403);
  assert.equal((await named("a/cheap", { "x-bifrost-tags": "other,trial" })).status, 200);
  assert.match(messageOf(await named("a/x", { "x-bifrost-tags": "of_the_file" })), /tag "of_the_file" is disabled/);
});

test("one that is enabled again is served at once, by every worker, and disabled again refused", async () => {
  for (const [flag, status] of [
    ["--enable", 200],
    ["--disable", 403],
  ] as const) {
    const { code, stderr } = await daemon.cli("end-users", "update", "mallory", flag);
    assert.equal(code, 0, stderr);
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => named("a/x", { "x-bifrost-end-user": "mallory" })),
    );
    assert.deepEqual(new Set(answers.map((answer) => answer.status)), new Set([status]), flag);
  }
});
