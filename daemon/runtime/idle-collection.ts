/**
 * One major collection when work has stopped, so that a burst does not stay in the resident set: V8 collects when it
 * allocates, and an idle thread does not.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Nothing has happened for this long. */
const idleMs = 5_000;
/** Requests after which the code of the hot path counts as compiled. */
const compiledFrom = 200;

/**
 * `activity` counts what was done: any number that grows. A thread on the hot path says so: once it has done more than
 * a start's few requests, its compiled code stays (`last-resort` throws it away, and the next requests ran interpreted).
 */
export function collectWhenIdle(activity: () => number, isHot = false): void {
  let collect: Collector | undefined;
  let seen = activity();
  let dirty = true; // what a start leaves behind is collected too
  setInterval(() => {
    const now = activity();
    if (now !== seen) {
      seen = now;
      dirty = true;
    } else if (dirty) {
      collect ??= exposedCollector();
      const flavor = isHot && now > compiledFrom ? "regular" : "last-resort";
      collect({ type: "major", execution: "sync", flavor });
      dirty = false;
    }
  }, idleMs).unref();
}

/** `last-resort` also gives pages back that a plain collection keeps for the next burst: 4 MB a thread. */
type Collector = (options: { type: "major"; execution: "sync"; flavor: "last-resort" | "regular" }) => void;

function exposedCollector(): Collector {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as Collector;
}
