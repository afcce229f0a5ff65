/** What names others' things in its body is looked into, whatever the body is said to be. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { answers, type Lab, startLab, startUpstream, type Upstream } from "./lab.ts";

let upstream: Upstream;
let one: Lab;
before(async () => {
  upstream = await startUpstream();
  one = await startLab({
    providers: { up: { dialect: "openai-chat", api_key: "env.SECRET", base_url: `${upstream.origin}/v1` } },
  });
});
after(async () => {
  await one?.stop();
  await upstream?.stop();
});

for (const type of ["text/plain", "application/octet-stream", "application/x-www-form-urlencoded"]) {
  test(`a batch that is said to be ${type} reads no file that is another key's`, async () => {
    upstream.answer = answers({ id: "file-1", object: "file" });
    const ask = (key: string, path: string, body: string, said: string) =>
      fetch(`${one.url}${path}`, {
        method: "POST",
        headers: { authorization: `Bearer ${key}`, "content-type": said },
        body,
      });
    const [maker, other] = [one.createKey({}), one.createKey({})];
    assert.equal((await ask(maker, "/v1/files", "{}", "application/json")).status, 200);
    const count = upstream.seen.length;
    const batch = '{"input_file_id":"up~file-1","endpoint":"/v1/chat/completions","completion_window":"24h"}';
    const answer = await ask(other, "/v1/batches", batch, type);
    assert.ok([404, 415].includes(answer.status), await answer.text());
    assert.equal(upstream.seen.length, count);
  });
}
