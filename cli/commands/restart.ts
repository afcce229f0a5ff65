/** `bifrost restart`: the program anew over the same port; returns when another process serves. */
import { setTimeout as pause } from "node:timers/promises";
import type { Command } from "commander";
import type { RestartRequest, StatusAnswer, StopAnswer } from "../../daemon/admin/contract/daemon.ts";
import { type Client, findDaemon, openDaemon, openRemote } from "../client.ts";
import type { Context } from "../command.ts";
import { CliFailure } from "../failure.ts";
import { parseDuration } from "../parse.ts";
import { homeFrom, remoteFrom } from "../session.ts";

const pollMs = 50;
/** A successor has a minute to serve, and the one that goes on in its place another. */
const readyMs = 130_000;

export function build(command: Command, context: Context): void {
  command
    .option("--drain <duration>", "How long running requests may take to end (default: server.drain)", parseDuration)
    .action(async ({ drain }: { drain?: number }) => {
      const body = drain === undefined ? {} : { drain_ms: drain };
      const remote = remoteFrom(command, context);
      const after = await (remote === undefined
        ? restartHere(homeFrom(command, context), body)
        : restarted(openRemote(remote), body, () => openRemote(remote).call<StatusAnswer>("GET", "/api/status")));
      context.terminal.err(`Process ${after.pid} serves, version ${after.version}.\n`);
    });
}

async function restartHere(home: string, body: RestartRequest): Promise<StatusAnswer> {
  return restartDaemon(await openDaemon(home), home, body);
}

/** The state of the process that serves afterwards, whichever it is. */
export function restartDaemon(client: Client, home: string, body: RestartRequest): Promise<StatusAnswer> {
  return restarted(client, body, async (pid) => {
    const address = await findDaemon(home);
    if (address === undefined || address.pid === pid) return undefined;
    return (await openDaemon(home)).call<StatusAnswer>("GET", "/api/status");
  });
}

async function restarted(
  client: Client,
  body: RestartRequest,
  look: (pid: number) => Promise<StatusAnswer | undefined>,
): Promise<StatusAnswer> {
  const { pid, deadline_at_ms } = await client.call<StopAnswer>("POST", "/api/restart", { body });
  const deadline = Math.max(deadline_at_ms, Date.now()) + readyMs;
  while (Date.now() < deadline) {
    try {
      const status = await look(pid);
      if (status !== undefined && status.pid !== pid) return status;
    } catch {
      // Nothing answers between the two, or it went away again: the one that goes on comes next.
    }
    await pause(pollMs);
  }
  throw new CliFailure(
    "no process serves after the restart",
    undefined,
    "Look at its log, or start it: bifrost serve --detach",
  );
}
