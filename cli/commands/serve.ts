/** `bifrost serve`: in this process, or in one that outlives this one. */
import { resolve } from "node:path";
import type { Command } from "commander";
import type { Served, ServeOptions } from "../../daemon/admin/contract/calling.ts";
import { findDaemon } from "../client.ts";
import type { Context } from "../command.ts";
import { CliFailure, codeOf, exitCodes } from "../failure.ts";
import { homeFailure } from "../home-failure.ts";
import { parsePort } from "../parse.ts";
import { renderServed } from "../render-served.ts";
import { homeFrom } from "../session.ts";
import { reportsToParent, serveDetached, tellParent } from "./serve-detached.ts";

type Options = {
  readonly config?: string;
  readonly host?: string;
  readonly port?: number;
  readonly detach?: boolean;
};

export function build(command: Command, context: Context): void {
  command
    .option("--config <file>", "Default: ./config.yaml, config.yaml in the home, /etc/bifrost/config.yaml, or none")
    .option("--host <address>", "Where to listen (default: 127.0.0.1)")
    .option("--port <port>", "Where to listen (default: 8080; 0: any free port)", parsePort)
    .option("--detach", "Go on in the background; return when requests are served")
    .action(async ({ config, host, port, detach }: Options) => {
      const home = homeFrom(command, context);
      const options: ServeOptions = {
        home,
        config: config === undefined ? undefined : resolve(config),
        host,
        port,
      };
      if (detach)
        return serveDetached(options, context).catch(async (error: unknown) => {
          throw await explainStart(error, home, options);
        });
      return serveHere(options, home, context);
    });
}

async function serveHere(options: ServeOptions, home: string, context: Context): Promise<void> {
  let served: Served;
  try {
    const { serveForeground } = await context.loadDaemon();
    served = await serveForeground(options);
  } catch (error) {
    const failure = await explainStart(error, home, options);
    if (reportsToParent(context.environment))
      await tellParent({ failed: { message: failure.message, exitCode: failure.exitCode, hint: failure.hint } });
    throw failure;
  }
  if (reportsToParent(context.environment)) {
    const { ended: _, ...ready } = served;
    await tellParent({ ready });
  } else {
    context.terminal.out(renderServed(served, context.terminal));
    for (const warning of served.warnings) context.terminal.err(`warning: ${warning}\n`);
  }
  context.exitWith(await served.ended);
}

/** A start fails in three ways that a person can do something about; each gets its own words and code. */
async function explainStart(error: unknown, home: string, { host, port }: ServeOptions): Promise<CliFailure> {
  if (error instanceof CliFailure) return error;
  const message = error instanceof Error ? error.message : String(error);
  switch (codeOf(error)) {
    case "already_running": {
      const pid = (await findDaemon(home))?.pid ?? numberOf(error, "pid");
      const who = pid === undefined ? "another process" : `a daemon (process ${pid})`;
      const hint = "See it with: bifrost status, end it with: bifrost stop, or use another --home.";
      return new CliFailure(`${who} already runs over ${home}`, exitCodes.taken, hint, error);
    }
    case "address_in_use":
    case "EADDRINUSE": {
      const address = numberOf(error, "port") ?? port;
      const where = address === undefined ? (host ?? "the port") : `port ${address}`;
      const setting = settingOf(error);
      if (setting !== undefined)
        return new CliFailure(
          `${where} is taken by another program`,
          exitCodes.taken,
          `Change ${setting} in the config.`,
          error,
        );
      const hint = `Try --port ${address === undefined || address >= 65_535 ? 0 : address + 1}, or --port 0 for any free one.`;
      return new CliFailure(`${where} is taken by another program`, exitCodes.taken, hint, error);
    }
    case "config_invalid":
      return new CliFailure(message, exitCodes.checkFailed, afterConfig(message), error);
    case "EACCES":
      if (!message.includes("listen")) break;
      return new CliFailure(message, exitCodes.failure, "Ports below 1024 need a privilege; try --port 8080.", error);
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return new CliFailure(
        `${host ?? "server.host"} is no address of this machine`,
        exitCodes.failure,
        "Try --host 127.0.0.1, or --host 0.0.0.0 for every address.",
        error,
      );
  }
  return homeFailure(home, error) ?? new CliFailure(message, exitCodes.failure, undefined, error);
}

function afterConfig(message: string): string {
  const file = /^(\S+?)(?::\d+)*: /.exec(message)?.[1] ?? "";
  if (message.includes("cannot be read")) return "Name another with --config <file>, or write it: docs/config.md.";
  return `Check it with: bifrost config validate ${file}`.trimEnd();
}

/** The setting of an address that is not `server.port`. */
function settingOf(error: unknown): string | undefined {
  const { setting } = (error ?? {}) as { readonly setting?: unknown };
  return typeof setting === "string" ? setting : undefined;
}

function numberOf(error: unknown, field: "pid" | "port"): number | undefined {
  const value = (error as Readonly<Record<string, unknown>> | null)?.[field];
  return typeof value === "number" ? value : undefined;
}
