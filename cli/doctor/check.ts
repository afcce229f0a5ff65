/** What a check of `bifrost doctor` is, and running them all. Hides that one which fails or hangs is a finding, not the end. */
import type { StatusAnswer } from "../../daemon/admin/contract/daemon.ts";
import type { Client } from "../client.ts";

export type Level = "good" | "note" | "warning" | "problem";
export type Finding = {
  readonly level: Level;
  readonly message: string;
  /** What to do about it. A warning or a problem without one is a fault of the check. */
  readonly remedy?: string;
};

export type Patient = {
  readonly home: string;
  /** The daemon, or the files where none runs; absent: neither could be opened, and a check says why. */
  readonly client: Client | undefined;
  readonly openFailure: string | undefined;
  /** Absent: no daemon runs. */
  readonly status: StatusAnswer | undefined;
  /** Nothing beyond this machine is dialled. */
  readonly offline: boolean;
  /** A daemon elsewhere, by `--url`: nothing of this machine is about it. */
  readonly isRemote?: boolean | undefined;
  readonly environment: NodeJS.ProcessEnv;
  readonly version: string;
  now(): number;
};

export type Check = {
  readonly name: string;
  /** One line, for `--help` of the curious and for the docs. */
  readonly about: string;
  /** Of one that reads much; by default 20 s. */
  readonly limitMs?: number;
  /** Of the machine that the command runs on, which says nothing of a daemon elsewhere. */
  readonly isLocal?: true;
  run(patient: Patient): Promise<readonly Finding[]>;
};
export type Checked = { readonly check: string; readonly findings: readonly Finding[] };

const limitMsDefault = 20_000;

export async function examine(
  checks: readonly Check[],
  patient: Patient,
  done: (check: string) => void = () => undefined,
): Promise<readonly Checked[]> {
  return Promise.all(
    checks.map(async (check) => {
      const findings = await within(check, patient);
      done(check.name);
      return { check: check.name, findings };
    }),
  );
}

async function within(check: Check, patient: Patient): Promise<readonly Finding[]> {
  let timer: NodeJS.Timeout | undefined;
  const limitMs = check.limitMs ?? limitMsDefault;
  const late = new Promise<readonly Finding[]>((resolve) => {
    timer = setTimeout(
      () =>
        resolve([
          problem(
            `did not end within ${limitMs / 1_000} s`,
            "Run it again with less going on; if it stays, see daemon.log.",
          ),
        ]),
      limitMs,
    );
  });
  try {
    return await Promise.race([check.run(patient), late]);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return [
      problem(
        `could not be looked at: ${message}`,
        "bifrost doctor --debug shows where; daemon.log in the home may tell more.",
      ),
    ];
  } finally {
    clearTimeout(timer);
  }
}

export const good = (message: string): Finding => ({ level: "good", message });
export const note = (message: string, remedy?: string): Finding => finding("note", message, remedy);
export const warning = (message: string, remedy: string): Finding => finding("warning", message, remedy);
export const problem = (message: string, remedy: string): Finding => finding("problem", message, remedy);

function finding(level: Level, message: string, remedy: string | undefined): Finding {
  return remedy === undefined ? { level, message } : { level, message, remedy };
}
