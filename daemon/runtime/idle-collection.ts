/**
 * One major collection when work has stopped, so that a burst does not stay in the resident set: V8 collects when it
 * allocates, and an idle thread does not.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Nothing has happened for this long. */
const idleMs = 5_000;

/**
 * `activity` is any number that differs when something was done since the last look. What a start leaves behind goes
 * entirely, if nothing has been done yet. Later, compiled code stays (`last-resort` throws it away, and the next thousand
 * requests would pay for it twice over).
 */
export function collectWhenIdle(activity: () => number): void {
  let collect: Collector | undefined;
  const atStart = activity();
  let seen = atStart;
  let dirty = true; // what a start leaves behind is collected too
  setInterval(() => {
    const now = activity();
    if (now !== seen) {
      seen = now;
      dirty = true;
    } else if (dirty) {
      collect ??= exposedCollector();
      collect({ type: "major", execution: "sync", flavor: now === atStart ? "last-resort" : "regular" });
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
