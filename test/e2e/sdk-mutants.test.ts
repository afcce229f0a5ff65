/**
 * The cells of the SDKs' table can fail: a hop spoils one thing of what passes between SDK and gateway (or gateway and
 * provider), and the cell does not hold. Over a hop that spoils nothing every cell holds, so it is not the hop.
 * Here with one SDK of each API; `npm run sdk-mutants` plays the whole table, which takes minutes.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Lab, startLab, upstreams } from "../support/sdk-lab.ts";
import { type CaseName, cases, type Driver } from "../support/sdks/driver.ts";
import { type Fault, type Hop, startHop } from "../support/sdks/hop.ts";
import { drivers } from "../support/sdks/index.ts";
import { playsOf } from "../support/sdks/plays.ts";

const swapped = (from: string | RegExp, to: string): Fault => ({ body: (text) => text.replaceAll(from, to) });
const asked = (from: string | RegExp, to: string): Fault => ({ request: (text) => text.replaceAll(from, to) });
/** Only of the last refusal, so that all before it are looked at as well. */
const limited = (status: number) => status === 429;

/** What is spoiled, by the cell that must not hold then. */
const faults: readonly (readonly [one: CaseName, what: string, fault: Fault])[] = [
  ["text", "other words", swapped("Hello", "Hallo")],
  ["text", "another usage", swapped(/("\w*(?:output|completion|candidates)\w*":)12\b/gi, "$113")],
  ["stream", "a frame is missing", { frame: (text) => (text.includes("three") ? "drop" : "keep") }],
  ["stream", "cut in the middle", { frame: (text) => (text.includes("three") ? "end" : "keep") }],
  ["stream", "kept back until its end", { holdsBack: true }],
  ["tools", "another input", swapped("Paris", "Parma")],
  ["tools", "the result is lost", asked("18 degrees", "no answer")],
  ["tools", "a parameter is lost", asked(/"zone":\{"type":"string"\}/g, '"zane":{"type":"string"}')],
  ["structured output", "another value", swapped("25", "26")],
  ["structured output", "another schema", asked("integer", "string")],
  ["image", "another picture", asked("iVBORw0KGgo", "iVBORw0KGgp")],
  ["errors", "another status", { status: (status) => (limited(status) ? 400 : status) }],
  ["errors", "other words", { body: (text, status) => (limited(status) ? text.replaceAll("too many", "") : text) }],
  ["errors", "another dialect's body", { body: (text, status, path) => (limited(status) ? foreign(path) : text) }],
  ["abort", "the gateway does not hear of it", { deaf: true }],
  ["slow stream", "no keep-alives", { dropsKeepAlives: true }],
  ["slow stream", "cut in the middle", { frame: (text) => (text.includes("w2") ? "end" : "keep") }],
];

/** A refusal as an API of another kind says it: Cohere's and AWS's have the message on top, all others within `error`. */
function foreign(path: string): string {
  const message = "too many";
  return JSON.stringify(/^\/(v2|model)\//.test(path) ? { error: { message, type: "x", code: "x" } } : { message });
}

const all = process.env["BIFROST_SDK_MUTANTS"] === "all";
const firsts = Map.groupBy(drivers, ({ api }) => api);
const played: readonly Driver[] = all ? drivers : [...firsts.values()].map(([first]) => first!);
const wires = all ? upstreams : upstreams.slice(0, 1);

let lab: Lab;
const hops = new Map<Fault, Hop>();
const honest: Fault = {};
before(async () => {
  lab = await startLab({ deaf: { deaf: true } });
  for (const fault of [honest, ...faults.map(([, , one]) => one)])
    hops.set(fault, await startHop(lab.daemon.url, fault));
});
after(async () => {
  for (const hop of hops.values()) await hop.stop();
  await lab?.stop();
});

describe("what is spoiled", { concurrency: 8 }, () => {
  for (const driver of played) {
    for (const wire of wires) {
      const name = `${driver.name} ${driver.version} → ${wire}`;
      const slug = name.replaceAll(/[^a-zA-Z0-9.-]+/g, "-");
      for (const one of cases)
        test(`${name}: ${one} holds over an honest hop`, () =>
          playsOf(lab, { origin: hops.get(honest)!.origin, slug: `${slug}-honest` })[one](driver, wire));
      for (const [at, [one, what, fault]] of faults.entries())
        test(`${name}: ${one} does not hold with ${what}`, () => {
          const way = { origin: hops.get(fault)!.origin, slug: `${slug}-${at}`, patienceMs: 1_000 };
          return assert.rejects(playsOf(lab, way)[one](driver, wire));
        });
      test(`${name}: abort does not hold with a provider that does not hear of it`, () => {
        const way = { origin: hops.get(honest)!.origin, slug: `${slug}-deaf`, slow: "deaf", patienceMs: 1_000 };
        return assert.rejects(playsOf(lab, way).abort(driver, wire), /clientLeftAt/);
      });
    }
  }
});
