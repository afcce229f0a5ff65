/**
 * `bifrost demo`: a daemon of its own with made-up traffic, and the screen over it. Hides that it lives in a folder that
 * goes when it ends, so that nothing of the person's own is touched.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import type { KeySecretAnswer } from "../../daemon/admin/contract/keys.ts";
import { type Client, openDaemon } from "../client.ts";
import type { Context, GlobalOptions } from "../command.ts";
import { demoConfig, demoConfigChange, demoKeys, sendTraffic } from "../demo-traffic.ts";
import { CliFailure, exitCodes } from "../failure.ts";
import { parseDuration } from "../parse.ts";
import { startDetached } from "./serve-detached.ts";

type Options = { readonly rate: number; readonly for?: number; readonly tui: boolean; readonly port?: number };

const rateDefault = 12;
const rateMax = 2_000;
const minuteMs = 60_000;
const dayMs = 86_400_000;
const seed = 7;

export function build(command: Command, context: Context): void {
  command
    .option("--rate <count>", `Requests a second (default: ${rateDefault})`, parseRate, rateDefault)
    .option("--for <duration>", "End after this time (default: when the screen is left, or at Ctrl-C)", parseDuration)
    .option("--no-tui", "Only send traffic; look at it from another terminal")
    .action(async (options: Options) => {
      const home = homeOf(command.optsWithGlobals<GlobalOptions>().home);
      try {
        await demonstrate(home.path, options, context);
      } finally {
        if (home.isOurs) rmSync(home.path, { recursive: true, force: true });
      }
    });
}

async function demonstrate(home: string, options: Options, context: Context): Promise<void> {
  (await context.loadDaemon()).makeFolder(home);
  const config = join(home, "config.yaml");
  const pager = await openPager();
  const first = demoConfig(pager.url);
  writeFileSync(config, first, { mode: 0o600 });
  const signals = hearSignals();
  const { ready } = await startDetached({ home, config, port: 0 }, context, withoutKeys(context.environment));
  const client = await openDaemon(home);
  try {
    if (signals.heard) return;
    writeFileSync(config, first + demoConfigChange, { mode: 0o600 });
    await client.call("POST", "/api/reload", { body: {} });
    const traffic = sendTraffic(ready.url, await makeKeys(client), options.rate, seed);
    try {
      await (options.tui && context.terminal.outIsTerminal
        ? screen(home, options, context)
        : wait(home, ready.url, options, context, signals.first));
    } finally {
      traffic.stop();
    }
  } finally {
    await client.call("POST", "/api/stop", { body: { drain_ms: 0 } }).catch(() => undefined);
    await gone(ready.pid);
    pager.close();
    signals.release();
  }
}

/**
 * A signal ends the demonstration, and a terminal that closes sends several: none of them may end this process before
 * its daemon has ended.
 */
function hearSignals(): { readonly first: Promise<void>; readonly heard: boolean; readonly release: () => void } {
  let heard = false;
  let settle: () => void = () => undefined;
  const first = new Promise<void>((resolve) => {
    settle = resolve;
  });
  const hear = () => {
    heard = true;
    settle();
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, hear);
  return {
    first,
    get heard() {
      return heard;
    },
    release: () => {
      for (const signal of signals) process.off(signal, hear);
    },
  };
}

/** What a real provider would be called with must not be in a demonstration. */
function withoutKeys(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !/_API_KEY$|^OLLAMA_HOST$/.test(name)));
}

/** Takes what alerts tell, and says nothing. */
async function openPager(): Promise<{ readonly url: string; close(): void }> {
  const server = createServer((incoming, outgoing) => incoming.resume().on("end", () => outgoing.end())).unref();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, close: () => server.close() };
}

async function makeKeys(client: Client): Promise<ReadonlyMap<string, string>> {
  const secrets = new Map<string, string>();
  for (const { name, team, budgetNano, requestsPerMinute } of demoKeys) {
    const { secret } = await client.call<KeySecretAnswer>("POST", "/api/keys", {
      body: {
        name,
        team,
        budgets:
          budgetNano === undefined ? [] : [{ limit_nano: budgetNano, window: { kind: "rolling", length_ms: dayMs } }],
        limits:
          requestsPerMinute === undefined
            ? []
            : [{ metric: "requests", limit: requestsPerMinute, window_ms: minuteMs }],
      },
    });
    secrets.set(name, secret);
  }
  return secrets;
}

async function screen(home: string, options: Options, context: Context): Promise<void> {
  const [{ runTui }, { createSource, daemonOf }] = await Promise.all([
    import("../tui/run-tui.ts"),
    import("../tui/source.ts"),
  ]);
  const { stdin, stdout } = process;
  const code = await runTui(
    { input: stdin, output: stdout, environment: context.environment },
    {
      source: createSource(daemonOf(home)),
      readOnly: false,
      remote: undefined,
      start: { view: "traffic" },
      mouse: true,
      endAfterMs: options.for,
    },
  );
  context.exitWith(code);
}

async function wait(
  home: string,
  url: string,
  options: Options,
  { terminal }: Context,
  signal: Promise<void>,
): Promise<void> {
  terminal.err(
    `Demo traffic, ${options.rate} requests a second, to ${url}. Look at it from another terminal:\n\n  bifrost tui --home ${home}\n\n`,
  );
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((settle) => {
    if (options.for !== undefined) timer = setTimeout(settle, options.for);
  });
  await Promise.race([signal, over]);
  clearTimeout(timer);
}

function homeOf(option: string | undefined): { readonly path: string; readonly isOurs: boolean } {
  if (option === undefined) return { path: mkdtempSync(join(tmpdir(), "bifrost-demo-")), isOurs: true };
  const path = resolve(option);
  if (existsSync(join(path, "state.db")))
    throw new CliFailure(
      `${path} is somebody's home already`,
      exitCodes.usage,
      "Name a new folder, or leave --home out.",
    );
  return { path, isOurs: false };
}

/** Until the process is no more, so that its files can go. */
async function gone(pid: number): Promise<void> {
  const deadline = performance.now() + goneMs;
  while (performance.now() < deadline) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await new Promise((wake) => setTimeout(wake, gonePollMs));
  }
}
const goneMs = 10_000;
const gonePollMs = 50;

function parseRate(text: string): number {
  const rate = Number(text);
  if (Number.isFinite(rate) && rate > 0 && rate <= rateMax) return rate;
  throw new InvalidArgumentError(`Expected requests a second, more than 0 and at most ${rateMax}.`);
}
