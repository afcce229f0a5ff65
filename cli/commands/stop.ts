/** `bifrost stop`: asks, then waits until the process is gone, or answers no more where that is another machine's. */
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import type { Command } from "commander";
import type { StatusAnswer, StopAnswer } from "../../daemon/admin/contract/daemon.ts";
import { type Client, openRemote, Refusal } from "../client.ts";
import type { Context } from "../command.ts";
import { CliFailure, codeOf } from "../failure.ts";
import { parseDuration } from "../parse.ts";
import { remoteFrom, withDaemon } from "../session.ts";

const pollMs = 25;
/** After its deadline a daemon has only files to close. */
const closeMs = 15_000;

export function build(command: Command, context: Context): void {
  command
    .option("--drain <duration>", "How long running requests may take to end (default: server.drain)", parseDuration)
    .option("--no-wait", "Return when the drain has begun")
    .action(async ({ drain, wait }: { drain?: number; wait: boolean }) => {
      const body = drain === undefined ? {} : { drain_ms: drain };
      const remote = remoteFrom(command, context);
      const answer = await withDaemon(command, context, (client) =>
        client.call<StopAnswer>("POST", "/api/stop", { body }),
      );
      const { pid, requests_in_flight: running } = answer;
      if (running > 0) context.terminal.err(`Waiting for ${running} running request${running === 1 ? "" : "s"} …\n`);
      if (wait) await ended(answer, remote === undefined ? isAlive : (each) => answersStill(openRemote(remote), each));
      context.terminal.err(wait ? `Stopped (process ${pid}).\n` : `Stopping (process ${pid}).\n`);
    });
}

async function ended(
  { pid, deadline_at_ms }: StopAnswer,
  isThere: (pid: number) => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = Math.max(deadline_at_ms, Date.now()) + closeMs;
  while (await isThere(pid)) {
    if (Date.now() > deadline)
      throw new CliFailure(
        `process ${pid} has not ended`,
        undefined,
        `Look at its log, or end it with: kill -9 ${pid}`,
      );
    await pause(pollMs);
  }
}

/** What serves there already is another process, be it by the same number in a new container. */
async function answersStill(client: Client, pid: number): Promise<boolean> {
  try {
    const status = await client.call<StatusAnswer>("GET", "/api/status");
    return status.pid === pid && status.state !== "serving";
  } catch (error) {
    return error instanceof Refusal;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !isUnburied(pid);
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

/** It has ended and nobody has asked for its exit code: so it stays in a container whose first process buries no orphans. */
function isUnburied(pid: number): boolean {
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, "latin1").replace(/^.*\)/s, ""));
  } catch {
    return false; // no such system, or gone meanwhile
  }
}
