/** Puts the unit where systemd looks for it, and takes it away again. Hides systemctl, and a machine that has none. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { renderUnit, type UnitOptions, unitName } from "./unit.ts";

export type ServiceOptions = UnitOptions & {
  /** For a person's own unit: the folder of their settings. */
  readonly settings: string;
  readonly start: boolean;
};

export type ServiceOutcome = {
  readonly file: string;
  readonly changed: boolean;
  /** Absent: there is no systemd here, and nothing was started. */
  readonly running: boolean | undefined;
  /** What systemctl said where it failed. */
  readonly trouble: string | undefined;
};

const commandMsMax = 90_000;

export function unitFile(scope: UnitOptions["scope"], settings: string): string {
  return scope === "system" ? join("/etc/systemd/system", unitName) : join(settings, "systemd", "user", unitName);
}

export function installService(options: ServiceOptions): ServiceOutcome {
  const file = unitFile(options.scope, options.settings);
  const text = renderUnit(options);
  const changed = !existsSync(file) || readFileSync(file, "utf8") !== text;
  if (changed) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text, { mode: 0o644 });
  }
  if (!hasSystemd()) return { file, changed, running: undefined, trouble: undefined };
  const reloaded = systemctl(options.scope, "daemon-reload");
  const started = reloaded ?? (options.start ? systemctl(options.scope, "enable", "--now", unitName) : undefined);
  return { file, changed, running: started === undefined && options.start, trouble: started };
}

/** Data and config stay. */
export function uninstallService(scope: UnitOptions["scope"], settings: string): ServiceOutcome {
  const file = unitFile(scope, settings);
  const changed = existsSync(file);
  const trouble = changed && hasSystemd() ? systemctl(scope, "disable", "--now", unitName) : undefined;
  rmSync(file, { force: true });
  if (changed && hasSystemd()) systemctl(scope, "daemon-reload");
  return { file, changed, running: false, trouble };
}

/** Its folder exists only where systemd is the first process. */
export function hasSystemd(): boolean {
  return existsSync("/run/systemd/system");
}

/** What went wrong, or undefined. */
function systemctl(scope: UnitOptions["scope"], ...words: readonly string[]): string | undefined {
  const done = spawnSync("systemctl", [...(scope === "user" ? ["--user"] : []), ...words], {
    encoding: "utf8",
    timeout: commandMsMax,
  });
  if (done.status === 0) return undefined;
  return `systemctl ${words.join(" ")}: ${(done.error?.message ?? done.stderr).trim()}`;
}
