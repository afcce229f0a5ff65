/** With egress closed, nothing but the config's addresses is dialled, whichever library tries. */
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import https from "node:https";
import net, { type AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import tls from "node:tls";
import { request } from "undici";
import { limitEgress, onRefused } from "../../../daemon/egress/guard.ts";
import { temporaryHome } from "../../support/daemon.ts";

const [allowed, other] = [http.createServer(answer), http.createServer(answer)];
const path = join(temporaryHome(), "s");
const local = http.createServer(answer);
let [port, otherPort] = [0, 0];
const refusals: string[] = [];

function answer(_: http.IncomingMessage, response: http.ServerResponse): void {
  response.end("ok");
}

before(async () => {
  for (const server of [allowed, other]) await once(server.listen(0, "127.0.0.1"), "listening");
  await once(local.listen(path), "listening");
  [port, otherPort] = [allowed, other].map((server) => (server.address() as AddressInfo).port) as [number, number];
  onRefused((address) => refusals.push(address));
});
after(() => {
  limitEgress(undefined);
  for (const server of [allowed, other, local]) {
    server.close();
    server.closeAllConnections();
  }
});

const closed = { code: "EGRESS_CLOSED" };
const failure = (emitter: { once(event: "error", listener: (error: Error) => void): unknown }) =>
  new Promise<Error>((resolve) => void emitter.once("error", resolve));

test("limitEgress() lets through what is listed, and refuses all else at connect time", async () => {
  limitEgress([{ host: "127.0.0.1", port, used_by: "test" }]);
  assert.equal((await request(`http://127.0.0.1:${port}/`)).statusCode, 200);
  assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 200);
  refusals.length = 0;
  const url = `http://127.0.0.1:${otherPort}/`;
  await assert.rejects(request(url), closed);
  await assert.rejects(fetch(url), (error: Error) => (error.cause as { code: string }).code === "EGRESS_CLOSED");
  const tries = [
    http.get(url),
    https.get(`https://127.0.0.1:${otherPort}/`),
    net.connect(otherPort, "127.0.0.1"),
    net.connect({ host: "127.0.0.1", port: otherPort }),
    tls.connect(otherPort, "127.0.0.1"),
    http2.connect(`http://127.0.0.1:${otherPort}`),
    new net.Socket().connect(otherPort, "127.0.0.1"),
  ];
  for (const error of await Promise.all(tries.map(failure)))
    assert.equal((error as { code?: string }).code, closed.code);
  assert.deepEqual(new Set(refusals), new Set([`127.0.0.1:${otherPort}`]));
});

test("limitEgress() asks no name server about a name that is not listed", async () => {
  limitEgress([]);
  const error = await failure(net.connect({ host: "nowhere.invalid", port: 443, lookup: () => assert.fail("asked") }));
  assert.match(error.message, /nowhere\.invalid:443 is no address of the config/);
});

test("limitEgress() leaves sockets of this machine alone", async () => {
  limitEgress([]);
  const answered = await new Promise((resolve) =>
    http.get({ socketPath: path, agent: false }, (response) => resolve(response.statusCode)),
  );
  assert.equal(answered, 200);
});

test("limitEgress(undefined) leaves nothing behind", async () => {
  limitEgress([]);
  limitEgress(undefined);
  assert.equal((await request(`http://127.0.0.1:${otherPort}/`)).statusCode, 200);
});
