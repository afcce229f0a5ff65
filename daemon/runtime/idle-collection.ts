/**
 * One major collection when work has stopped, so that a burst does not stay in the resident set: V8 collects when it
 * allocates, and an idle thread does not.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Looked at this often; collected when nothing has happened for five looks. */
const lookMs = 1_000;
const idleLooks = 5;
/** Requests after which the code of the hot path counts as compiled. */
const compiledFrom = 200;

/**
 * `activity` counts what was done: any number that grows. A thread on the hot path says so: once it has done more than
 * a start's few requests, its compiled code stays (`last-resort` throws it away, and the next requests ran interpreted).
 */
export function collectWhenIdle(activity: () => number, isHot = false): void {
  let collect: Collector | undefined;
  let seen = activity();
  let quiet = 0;
  setInterval(() => {
    const now = activity();
    quiet = now === seen ? quiet + 1 : 0;
    seen = now;
    if (quiet !== idleLooks) return;
    collect ??= exposedCollector();
    const flavor = isHot && now > compiledFrom ? "regular" : "last-resort";
    collect({ type: "major", execution: "sync", flavor });
  }, lookMs).unref();
}

/** `last-resort` also gives pages back that a plain collection keeps for the next burst: 4 MB a thread. */
type Collector = (options: { type: "major"; execution: "sync"; flavor: "last-resort" | "regular" }) => void;

function exposedCollector(): Collector {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as Collector;
}
