/** Keys that stop working stop at once, and never in the middle of an answer. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { KeySecretAnswer } from "../../daemon/admin/contract/keys.ts";
import { ask, type ClientDialect, open } from "../support/client.ts";
import { type Daemon, startDaemon } from "../support/daemon.ts";
import { outcome } from "../support/outcome.ts";
import { pause } from "../support/until.ts";

let daemon: Daemon;
before(async () => {
  daemon = await startDaemon({ config: {} });
});
after(() => daemon?.stop());

const dialects: readonly ClientDialect[] = ["chat", "messages"];
const create = (name: string, rest: object = {}) =>
  daemon.admin<KeySecretAnswer>("POST", "/api/keys", { name, ...rest });

async function told(dialect: ClientDialect, key: string): Promise<string> {
  const answer = await ask(daemon.url, { dialect, model: "echo", key });
  const { error } = outcome(dialect, answer);
  return error === undefined ? "served" : `${answer.status} ${error.code ?? error.type}`;
}

const expected = (dialect: ClientDialect, code: string) =>
  dialect === "chat" ? new RegExp(`^401 ${code}$`) : new RegExp(`^401 (${code}|authentication_error)$`);

for (const dialect of dialects) {
  test(`A17 revoke() makes the very next ${dialect} request a 401`, async () => {
    for (let round = 0; round < 20; round += 1) {
      const { key, secret } = await create(`revoked-${dialect}-${round}`);
      assert.equal(await told(dialect, secret), "served");
      await daemon.admin("DELETE", `/api/keys/${key.id}`);
      const started = performance.now();
      assert.match(await told(dialect, secret), expected(dialect, "invalid_api_key|blocked_api_key"));
      assert.ok(performance.now() - started < 500);
    }
  });

  test(`A17 revoke() is seen within 5 ms of its answer by ${dialect} calls that never pause`, async () => {
    const { key, secret } = await create(`hammered-${dialect}`);
    let lastServedStart = 0;
    const deadline = performance.now() + 5_000;
    const caller = async () => {
      while (performance.now() < deadline) {
        const startedAt = performance.now();
        if ((await told(dialect, secret)) !== "served") return;
        lastServedStart = Math.max(lastServedStart, startedAt);
      }
      throw new Error("served for ever");
    };
    const callers = [caller(), caller(), caller(), caller()];
    await pause(100);
    await daemon.admin("DELETE", `/api/keys/${key.id}`);
    const revokedAt = performance.now();
    await Promise.all(callers);
    assert.ok(lastServedStart - revokedAt < 5, `served a request begun ${lastServedStart - revokedAt} ms after`);
  });

  test(`A17 rotate() refuses the old secret at once, or after its grace, ${dialect}`, async () => {
    const { key, secret } = await create(`rotated-${dialect}`);
    const next = await daemon.admin<KeySecretAnswer>("POST", `/api/keys/${key.id}/rotate`, {});
    assert.match(await told(dialect, secret), expected(dialect, "invalid_api_key|expired_api_key"));
    assert.equal(await told(dialect, next.secret), "served");
    const graced = await daemon.admin<KeySecretAnswer>("POST", `/api/keys/${key.id}/rotate`, { grace_ms: 600 });
    assert.deepEqual([await told(dialect, next.secret), await told(dialect, graced.secret)], ["served", "served"]);
    await pause(700);
    assert.match(await told(dialect, next.secret), expected(dialect, "invalid_api_key|expired_api_key"));
    assert.equal(await told(dialect, graced.secret), "served");
  });

  test(`A17 update() disables and enables at once, ${dialect}`, async () => {
    const { key, secret } = await create(`disabled-${dialect}`);
    await daemon.admin("PATCH", `/api/keys/${key.id}`, { disabled: true });
    assert.match(await told(dialect, secret), expected(dialect, "blocked_api_key"));
    await daemon.admin("PATCH", `/api/keys/${key.id}`, { disabled: false });
    assert.equal(await told(dialect, secret), "served");
  });

  test(`A18 relay() lets a ${dialect} stream end whose key expires meanwhile`, async () => {
    const { secret } = await create(`expiring-${dialect}`, { expires_in_ms: 500 });
    const prompt = "#echo words=30 gap=40ms";
    const question = { dialect, model: "echo", key: secret, stream: true, prompt, maxTokens: 500 } as const;
    const stream = await open(daemon.url, question);
    await stream.until("bridge");
    await pause(600);
    assert.match(await told(dialect, secret), expected(dialect, "expired_api_key"));
    const seen = outcome(dialect, await stream.answer());
    assert.deepEqual([seen.ended, seen.terminal, seen.error], ["complete", true, undefined]);
    assert.equal(seen.text.split(" ").length, 30);
  });
}

test("A17 revoke() by the command line holds after a restart", async () => {
  const { key, secret } = await create("restarted");
  assert.equal((await daemon.cli("keys", "revoke", key.id, "--yes")).code, 0);
  await daemon.restart();
  assert.match(await told("chat", secret), /^401 /);
});
