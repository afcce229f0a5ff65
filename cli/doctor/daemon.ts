/** The daemon: whether it runs, as which version, and what it warns of by itself. */
import type { DroppedAnswer } from "../../daemon/admin/contract/log-statistics.ts";
import { renderDuration } from "../render.ts";
import { type Check, type Finding, good, note, problem, warning } from "./check.ts";

const slowCommitMs = 100;
const holdsMany = 10_000;

export const daemon: Check = {
  name: "daemon",
  about: "it runs, in the version of this command, and has dropped nothing",
  async run({ status, client, openFailure, version, now }) {
    if (status === undefined)
      return openFailure === undefined
        ? [note("no daemon runs over this home", "Start one with: bifrost serve --detach")]
        : [problem(openFailure, afterFailure(openFailure))];
    const findings: Finding[] = [];
    if (status.version !== version)
      findings.push(
        warning(
          `the daemon is ${status.version}, this command is ${version}`,
          "Take the new version over without a gap: bifrost restart",
        ),
      );
    if (status.state !== "serving")
      findings.push(warning(`it is ${status.state}`, "Wait for it, or look into daemon.log"));
    for (const said of status.warnings)
      findings.push(warning(said, "docs/config.md explains the setting that it names."));
    const { commit_lag_ms: lag, holds_open: holds } = status.ledger;
    if (lag !== null && lag > slowCommitMs)
      findings.push(
        warning(
          `commits are ${renderDuration(lag)} behind`,
          "The disk is slow or shared: give the home a disk of its own, or ledger.durability: grouped.",
        ),
      );
    if (holds !== null && holds > holdsMany)
      findings.push(warning(`${holds} holds are open`, "Look for streams that never end: bifrost top --order latency"));
    findings.push(...(await dropped(client)));
    const up = renderDuration(Math.max(0, now() - status.started_at_ms));
    return findings.length > 0 ? findings : [good(`${status.version} serves at ${status.url}, up ${up}`)];
  },
};

/** What to do about a home that cannot be opened, by the words that say why. */
function afterFailure(failure: string): string {
  if (/damaged|missing or empty/.test(failure)) return "Put a backup in its place: bifrost restore <file> --replace";
  if (/another user/.test(failure)) return "Ask as that user, or name another home with --home.";
  if (/already runs|locked/.test(failure))
    return "If no bifrost runs, a process that died may still hold the home: bifrost status";
  return "Mend that first: only what can be seen from outside was looked at.";
}

async function dropped(client: Parameters<Check["run"]>[0]["client"]): Promise<readonly Finding[]> {
  const found = await client?.call<DroppedAnswer>("GET", "/api/logs/dropped").catch(() => undefined);
  const lost = Object.entries(found ?? {}).filter(([name, count]) => count > 0 && name !== "feed");
  if (lost.length === 0) return [];
  const said = lost.map(([name, count]) => `${count} ${name}`).join(", ");
  return [
    warning(
      `not kept since the start: ${said}`,
      "The disk or a sink was too slow: bifrost top, and docs/metrics.md on its queues.",
    ),
  ];
}
