/** `bifrost bundle`: make, check and install the one file for hosts without the internet. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Command } from "commander";
import type { Distribution } from "../../daemon/admin/contract/calling.ts";
import type { StatusAnswer } from "../../daemon/admin/contract/daemon.ts";
import { findDaemon, openDaemon } from "../client.ts";
import { addSubcommand, type Context } from "../command.ts";
import { CliFailure, exitCodes } from "../failure.ts";
import { type Steps, withSteps } from "../progress.ts";
import { renderTable } from "../render.ts";
import { confirm, homeFrom } from "../session.ts";
import { restartDaemon } from "./restart.ts";
import { settingsFolder } from "./service.ts";

type Where = { readonly prefix?: string; readonly system?: boolean };

const problems = new Set(["BundleProblem", "SignatureProblem", "ArchiveProblem"]);

export function build(command: Command, context: Context): void {
  create(addSubcommand(command, "create", "Write a signed bundle", context), context);
  keygen(addSubcommand(command, "keygen", "Make a pair of keys to sign with", context), context);
  verify(addSubcommand(command, "verify", "Check a bundle to its last byte", context), context);
  install(addSubcommand(command, "install", "Install a bundle, or upgrade with it", context), context);
  rollback(addSubcommand(command, "rollback", "Go back to the release before", context), context);
  list(addSubcommand(command, "list", "List installed releases", context), context);
}

function create(command: Command, context: Context): void {
  command
    .requiredOption("--out <file>", "Where to write it")
    .option("--key <file>", "Secret key, minisign's or of bundle keygen (default: bundle.key in the home)")
    .option("--platform <platform>", "linux-x64 or linux-arm64 (default: this one's)")
    .option("--binary <file>", "The executable that goes in (default: this one, or bifrost-<platform> beside it)")
    .option("--with-config", "Put the config of this home in as well")
    .action(async (options: CreateWords) => {
      const tools = await context.loadDaemon().then((daemon) => daemon.openDistribution());
      const home = homeFrom(command, context);
      const keyFile = options.key ?? join(home, "bundle.key");
      if (!existsSync(keyFile))
        throw new CliFailure(
          `there is no key ${keyFile}`,
          exitCodes.usage,
          "Make one with: bifrost bundle keygen, or minisign -G.",
        );
      const { manifest, bytes, publicKey } = await inSteps(context, async (progress) =>
        tools.createBundle({
          out: resolve(options.out),
          executable: executableFor(options),
          key: tools.signing.readSecret(
            readFileSync(keyFile, "utf8"),
            () => context.environment["BIFROST_BUNDLE_PASSWORD"],
          ),
          config: options.withConfig ? readConfig(home) : undefined,
          unit: tools.service.render({
            executable: `${tools.service.systemPrefix}/bin/bifrost`,
            scope: "system",
            home: tools.service.systemHome,
          }),
          progress,
        }),
      );
      context.terminal.err(
        `${options.out}: bifrost ${manifest.version} for ${manifest.platform}, ${megabytes(bytes)}\n`,
      );
      context.terminal.err(`Who installs it needs this public key, on another way:\n`);
      context.terminal.out(`${publicKey.trim().split("\n").at(-1)}\n`);
    });
}

type CreateWords = {
  readonly out: string;
  readonly key?: string;
  readonly platform?: string;
  readonly binary?: string;
  readonly withConfig?: boolean;
};

function executableFor({ platform, binary }: CreateWords): string {
  if (binary !== undefined) return resolve(binary);
  const own = `${process.platform}-${process.arch}`;
  if (platform === undefined || platform === own) return process.execPath;
  const beside = join(dirname(process.execPath), `bifrost-${platform}`);
  if (existsSync(beside)) return beside;
  throw new CliFailure(
    `there is no executable for ${platform}`,
    exitCodes.usage,
    `Name it with --binary; looked for ${beside}.`,
  );
}

function readConfig(home: string): Buffer {
  const found = [resolve("config.yaml"), join(home, "config.yaml"), "/etc/bifrost/config.yaml"].find((file) =>
    existsSync(file),
  );
  if (found === undefined) throw new CliFailure("there is no config to put in", exitCodes.usage);
  return readFileSync(found);
}

function keygen(command: Command, context: Context): void {
  command
    .option("--out <file>", "The secret key; the public one goes beside it (default: bundle.key in the home)")
    .action(async ({ out }: { out?: string }) => {
      const daemon = await context.loadDaemon();
      const tools = await daemon.openDistribution();
      const file = out ?? join(homeFrom(command, context), "bundle.key");
      if (existsSync(file)) throw new CliFailure(`${file} exists already`);
      const keys = tools.signing.generate();
      daemon.makeFolder(dirname(resolve(file)));
      writeFileSync(file, keys.secret, { mode: 0o600, flag: "wx" });
      writeFileSync(`${file.replace(/\.key$/, "")}.pub`, keys.public, { mode: 0o644 });
      context.terminal.err(`${file} is the secret key; keep it where nobody else reads it. The public key:\n`);
      context.terminal.out(`${keys.public.trim().split("\n").at(-1)}\n`);
    });
}

function verify(command: Command, context: Context): void {
  where(command.argument("<file>", "The bundle"))
    .option("--pubkey <key>", "The publisher's public key, or a file with it; may be repeated", collect)
    .option("--json", "Print what it says about itself")
    .action(async (file: string, options: Where & { pubkey?: string[]; json?: boolean }) => {
      const tools = await context.loadDaemon().then((daemon) => daemon.openDistribution());
      const { prefix } = places(options, command, context, tools);
      await inSteps(context, async (progress) => {
        const trusted = tools.releases.trustedKeys(prefix, options.pubkey ?? []);
        const bundle = tools.openBundle(resolve(file), trusted, progress);
        let bytes = 0;
        for await (const piece of bundle.executable()) {
          bytes += piece.length;
          progress("reading the executable", bytes / bundle.manifest.binary.bytes);
        }
        const { manifest, signer } = bundle;
        bundle.close();
        progress.end();
        if (options.json)
          return context.terminal.out(`${JSON.stringify({ ...manifest, signer: signer.id }, null, 2)}\n`);
        context.terminal.err(
          `Whole, and signed by ${signer.id}: bifrost ${manifest.version} for ${manifest.platform}, commit ${manifest.commit.slice(0, 12)}, prices of ${manifest.catalogDate}.\n`,
        );
      });
    });
}

function install(command: Command, context: Context): void {
  where(command.argument("<file>", "The bundle"))
    .option("--pubkey <key>", "The publisher's public key, or a file with it; needed once", collect)
    .option("--allow-downgrade", "Install it though it is older than what is installed")
    .action(async (file: string, options: Where & { pubkey?: string[]; allowDowngrade?: boolean }) => {
      const tools = await context.loadDaemon().then((daemon) => daemon.openDistribution());
      const { prefix, home } = places(options, command, context, tools);
      const done = await inSteps(context, (progress) =>
        tools.installBundle({
          file: resolve(file),
          ...{ prefix, home },
          keys: options.pubkey ?? [],
          allowDowngrade: options.allowDowngrade === true,
          daemon: () => running(home),
          environment: context.environment,
          progress,
        }),
      );
      const { terminal } = context;
      const { version } = done.release.manifest;
      terminal.err(`${done.already ? "Installed already" : "Installed"}: bifrost ${version} in ${prefix}\n`);
      if (done.backup !== undefined) terminal.err(`The data as it was: ${done.backup}\n`);
      if (options.system) startService(tools, prefix, context);
      else if (done.serving !== undefined) terminal.err(`The daemon serves as ${done.serving}.\n`);
      else terminal.err(`Start it with: ${join(prefix, "bin", "bifrost")} serve --detach\n`);
    });
}

function startService(tools: Distribution, prefix: string, context: Context): void {
  const outcome = tools.service.install({
    executable: join(prefix, "bin", "bifrost"),
    scope: "system",
    home: tools.service.systemHome,
    settings: settingsFolder(context),
    start: true,
  });
  if (outcome.trouble !== undefined)
    throw new CliFailure(outcome.trouble, exitCodes.failure, "See: journalctl -u bifrost");
  context.terminal.err(
    outcome.running === true
      ? "The service runs; see: systemctl status bifrost\n"
      : `${outcome.file} is written; there is no systemd here to start it.\n`,
  );
}

function rollback(command: Command, context: Context): void {
  where(command)
    .option("--to <version>", "A version or id that was current (default: the one before)")
    .option("--yes", "Do not ask")
    .action(async (options: Where & { to?: string; yes?: boolean }) => {
      const tools = await context.loadDaemon().then((daemon) => daemon.openDistribution());
      const { prefix, home } = places(options, command, context, tools);
      await confirm(
        "Go back? What only the newer version could record is not shown by the older one.",
        options.yes,
        context,
      );
      const { release, serving, took } = await inSteps(context, (progress) =>
        tools.rollBack({ ...{ prefix, home }, to: options.to, daemon: () => running(home), progress }),
      );
      context.terminal.err(
        `bifrost ${release.manifest.version} is current again${serving === undefined ? "" : " and serves"}.\n`,
      );
      if (took?.copy !== undefined) context.terminal.err(`The data as it was: ${took.copy}\n`);
    });
}

function list(command: Command, context: Context): void {
  where(command)
    .option("--json", "Print JSON")
    .action(async (options: Where & { json?: boolean }) => {
      const tools = await context.loadDaemon().then((daemon) => daemon.openDistribution());
      const { prefix } = places(options, command, context, tools);
      const current = tools.releases.currentId(prefix);
      const releases = tools.releases
        .all(prefix)
        .map(({ id, manifest }) => ({ id, current: id === current, ...manifest }));
      if (options.json) return context.terminal.out(`${JSON.stringify({ prefix, releases }, null, 2)}\n`);
      context.terminal.out(
        renderTable(
          releases,
          [
            { title: "", cell: (each) => (each.current ? "*" : " ") },
            { title: "VERSION", cell: (each) => each.version },
            { title: "COMMIT", cell: (each) => each.commit.slice(0, 12) },
            { title: "PRICES", cell: (each) => each.catalogDate },
            { title: "ID", cell: (each) => each.id },
          ],
          context.terminal,
        ),
      );
    });
}

function where(command: Command): Command {
  return command
    .option(
      "--prefix <directory>",
      "Where releases are installed (default: ~/.local/lib/bifrost, /opt/bifrost with --system)",
    )
    .option("--system", "For the machine: /opt/bifrost, data in /var/lib/bifrost, a service of systemd");
}

function places(
  { prefix, system }: Where,
  command: Command,
  context: Context,
  tools: Distribution,
): { prefix: string; home: string } {
  const named = command.optsWithGlobals<{ home?: string }>().home ?? context.environment["BIFROST_HOME"];
  if (system) return { prefix: resolve(prefix ?? tools.service.systemPrefix), home: named ?? tools.service.systemHome };
  const home = homeFrom(command, context);
  if (prefix !== undefined) return { prefix: resolve(prefix), home };
  // What runs from an installed release means that installation.
  const own = dirname(dirname(dirname(process.execPath)));
  if (existsSync(join(own, "current"))) return { prefix: own, home };
  return { prefix: resolve(settingsFolder(context), "..", ".local", "lib", "bifrost"), home };
}

async function running(home: string) {
  const address = await findDaemon(home);
  if (address === undefined) return undefined;
  const ask = async (body: object): Promise<string> =>
    (await restartDaemon(await openDaemon(home), home, body)).version;
  const { version } = await (await openDaemon(home)).call<StatusAnswer>("GET", "/api/status");
  return { version, restart: () => ask({}), goBack: () => ask({ take_back: true }) };
}

/** What is wrong with a bundle is a check that found something. */
export async function explained<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error) || !problems.has(error.name)) throw error;
    const code = error.message.startsWith("there is no file ") ? exitCodes.notFound : exitCodes.checkFailed;
    throw new CliFailure(error.message, code, undefined, error);
  }
}

function inSteps<Result>({ terminal }: Context, work: (steps: Steps) => Promise<Result>): Promise<Result> {
  return withSteps(terminal, (steps) => explained(() => work(steps)));
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
