/** The clock: budgets begin and end by it, tokens of clouds are signed with it. Hides that nobody is asked for the time. */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { renderDuration } from "../render.ts";
import { type Check, good, problem, warning } from "./check.ts";

/** This program was written after it. */
const earliest = Date.UTC(2026, 0, 1);
const aheadMsMax = 5_000;

export const clock: Check = {
  name: "clock",
  isLocal: true,
  about: "it is not behind what is on disk, and runs with a zone that is known",
  async run({ home, status, now }) {
    const at = now();
    const set = "Let it be set: timedatectl set-ntp true, or chronyd.";
    if (at < earliest) return [problem(`the clock says ${new Date(at).toISOString()}`, set)];
    const written = Math.max(...["state.db", "traffic.db", "state.db-wal"].map((name) => changed(join(home, name))));
    if (written - at > aheadMsMax)
      return [
        problem(
          `the clock is ${renderDuration(written - at)} behind what was written last: windows of budgets would begin again`,
          set,
        ),
      ];
    if (status !== undefined && status.started_at_ms - at > aheadMsMax)
      return [problem("the daemon started in the future", set)];
    if (existsSync("/run/systemd/timesync") && !existsSync("/run/systemd/timesync/synchronized"))
      return [warning("systemd-timesyncd has not set it yet", "See: timedatectl status")];
    return [good(`${new Date(at).toISOString()}, zone ${Intl.DateTimeFormat().resolvedOptions().timeZone}`)];
  },
};

function changed(path: string): number {
  return existsSync(path) ? statSync(path).mtimeMs : 0;
}
