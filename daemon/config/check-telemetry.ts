/** What of alerts and redaction only their libraries can judge: conditions and patterns. Loaded where there are some. */
import type { GenerationData } from "./generation.ts";
import type { Finding } from "./problems.ts";

export async function checkTelemetry({ alerts, record }: GenerationData): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  if (alerts.rules.length > 0) {
    const { checkAlert } = await import("../telemetry/alerts/conditions.ts");
    for (const [index, { on, when }] of alerts.rules.entries()) {
      const message = checkAlert(on, when);
      if (message !== undefined) findings.push({ path: ["alerts", "rules", index, "when"], message });
    }
  }
  if (record.redactPatterns.length > 0) {
    const { patternRedactors } = await import("../telemetry/redact.ts");
    for (const [index, pattern] of record.redactPatterns.entries()) {
      await patternRedactors([pattern]).catch((error: unknown) => {
        const words = error instanceof Error ? error.message : String(error);
        findings.push({ path: ["record", "redact_patterns", index], message: `is no pattern of RE2: ${words}` });
      });
    }
  }
  return findings;
}
