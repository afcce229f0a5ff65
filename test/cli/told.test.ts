import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { AdminServices } from "../../daemon/admin/admin-services.ts";
import { localCaller } from "../../daemon/admin/handler.ts";
import { listenAdminTcp } from "../../daemon/admin/server.ts";
import { GatewayError } from "../../providers/gateway-error.ts";
import { type Lab, openLab } from "../daemon/admin/admin-lab.ts";
import { runHere } from "./run-in-process.ts";

/** A second goes by whenever somebody looks at the clock, so that every word is worth drawing. */
function hastyTerminal(errIsTerminal: boolean) {
  let at = 0;
  return { errIsTerminal, now: () => (at += 1_000) };
}

/** Services that tell how far they are three times of four; whether somebody listened is in `told`. */
function tellingLab(t: TestContext): { readonly lab: Lab; readonly told: boolean[] } {
  const lab = openLab();
  t.after(() => lab.close());
  const told: boolean[] = [];
  const { audit, ledger } = lab.services;
  const telling =
    <Given extends unknown[], Answer>(work: (...given: Given) => Promise<Answer>, at: number) =>
    async (...given: unknown[]): Promise<Answer> => {
      const tell = given[at] as ((done: number, total: number) => void) | undefined;
      told.push(tell !== undefined);
      for (const done of [1, 2, 3]) {
        tell?.(done, 4);
        await new Promise((resolve) => setImmediate(resolve));
      }
      return work(...(given as Given));
    };
  Object.assign(lab.services, {
    audit: { ...audit, verify: telling(audit.verify, 0) },
    ledger: { ...ledger, check: telling(ledger.check, 0), reprice: telling(ledger.reprice, 2) },
  } satisfies Partial<AdminServices>);
  return { lab, told };
}

const works = [
  ["audit", "verify"],
  ["ledger", "check"],
  ["ledger", "reprice", "--since", "1d"],
];

test("long work is told over the socket, to --url, and without a daemon, and drawn on a terminal alone", async (t) => {
  const { lab, told } = tellingLab(t);
  const tcp = await listenAdminTcp({
    ...{ version: "1", handle: lab.handle, faultId: () => "flt_1", onFault: () => undefined },
    listen: { host: "127.0.0.1", port: 0 },
    authenticate: localCaller,
  });
  t.after(() => tcp.close());
  const ways = [
    { environment: { BIFROST_URL: `http://127.0.0.1:${tcp.port}`, BIFROST_TOKEN: "any" }, daemon: {} },
    {
      environment: {},
      daemon: { openOffline: async () => ({ handle: lab.ask, close: async () => undefined }) },
    },
    { environment: {}, daemon: {}, listens: true },
  ];
  for (const { environment, daemon, listens } of ways) {
    if (listens === true) await lab.listen();
    for (const work of works) {
      told.length = 0;
      const seen = await runHere(work, {
        ...{ home: lab.home, environment, daemon, terminal: hastyTerminal(true) },
      });
      assert.equal(seen.code, 0, seen.err);
      assert.match(seen.err, /█+·+ \d+% {2}[a-z ]+, [123] of 4/);
      const piped = await runHere(work, {
        ...{ home: lab.home, environment, daemon, terminal: hastyTerminal(false) },
      });
      assert.deepEqual([piped.code, piped.err.includes("\u001b"), piped.out], [0, false, seen.out]);
      assert.deepEqual(told, [true, false]);
    }
  }
});

test("what fails after it has told how far it is, is told as an error, and recorded once", async (t) => {
  const lab = openLab();
  t.after(() => lab.close());
  const reprice: AdminServices["ledger"]["reprice"] = async (_request, _action, tell) => {
    tell?.(1, 2);
    await new Promise((resolve) => setImmediate(resolve));
    throw new GatewayError("database_unavailable", "the disk is full");
  };
  Object.assign(lab.services, { ledger: { ...lab.services.ledger, reprice } });
  await lab.listen();
  const ran = await runHere(["ledger", "reprice", "--since", "1d"], {
    ...{ home: lab.home, terminal: hastyTerminal(true) },
  });
  assert.equal(ran.code, 1);
  assert.match(ran.err, /error: the disk is full/);
  assert.equal(lab.records().filter(({ action }) => action === "ledger.reprice").length, 1);
});

test("a daemon that tells nothing is understood as before", async (t) => {
  const lab = openLab();
  t.after(() => lab.close());
  const handle = (request: Parameters<Lab["ask"]>[0]) => lab.ask({ ...request, accept: undefined });
  const ran = await runHere(["audit", "verify"], {
    home: lab.home,
    terminal: hastyTerminal(true),
    daemon: { openOffline: async () => ({ handle, close: async () => undefined }) },
  });
  assert.deepEqual([ran.code, /chain +intact/.test(ran.out)], [0, true], ran.err);
});
