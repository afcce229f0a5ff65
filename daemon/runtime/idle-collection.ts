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
 * a start's few requests it is left alone, since a forced collection takes compiled code with it, and for two seconds
 * the next requests cost twice as much.
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
    if (isHot && now > compiledFrom) return;
    collect ??= exposedCollector();
    collect({ type: "major", execution: "sync", flavor: "last-resort" });
  }, lookMs).unref();
}

/** `last-resort` also gives pages back that a plain collection keeps for the next burst: 4 MB a thread. */
type Collector = (options: { type: "major"; execution: "sync"; flavor: "last-resort" }) => void;

function exposedCollector(): Collector {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as Collector;
}
