/**
 * What alerts hold and were told, in a file of the home, so that neither a restart nor a new config tells it all again.
 * Hides that the file is only advice: one that is missing or broken means that nothing is remembered.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export type Remembered = {
  readonly rule: string;
  /** A rule that is judged otherwise now is another rule. */
  readonly condition: string;
  readonly subject: string;
  readonly name: string | null;
  readonly summary: string;
  readonly since: number;
  readonly lastSent: number | null;
};

export type AlertMemory = {
  read(): readonly Remembered[];
  /** Written where it differs from what was written last. Throws what the disk says. */
  write(all: readonly Remembered[]): void;
};

export function openAlertMemory(home: string): AlertMemory {
  const file = join(home, "alerts.json");
  let written = "[]";
  return {
    read() {
      try {
        written = readFileSync(file, "utf8");
        return (JSON.parse(written) as readonly Remembered[]).filter(isRemembered);
      } catch {
        return [];
      }
    },
    write(all) {
      const text = JSON.stringify(all);
      if (text === written) return;
      writeFileSync(`${file}.next`, text, { mode: 0o600 });
      renameSync(`${file}.next`, file);
      written = text;
    },
  };
}

function isRemembered(value: unknown): value is Remembered {
  const { rule, condition, subject, name, summary, since, lastSent } = (value ?? {}) as Record<string, unknown>;
  const texts = [rule, condition, subject, summary, name ?? ""].every((each) => typeof each === "string");
  return texts && typeof since === "number" && (lastSent === null || typeof lastSent === "number");
}
