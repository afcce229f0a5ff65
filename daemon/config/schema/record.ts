/** What is kept of each request, and the daemon's own log. */
import { z } from "zod";
import { defaults } from "../settings.ts";
import { duration, flag, setting, text } from "./setting.ts";

export const record = z.strictObject({
  requests: setting(flag, "Keep one row per request in `traffic.db`.", defaults.record.requests),
  retention: setting(duration, "How long request rows are kept.", defaults.record.retention),
  audit: setting(flag, "Keep one hash-chained audit row per request.", defaults.record.audit),
  audit_on_failure: setting(
    z.enum(["block", "count"]),
    "When the audit trail cannot be written: refuse requests, or serve and count what is missing.",
    defaults.record.audit_on_failure,
  ),
});

export const log = z.strictObject({
  level: setting(z.enum(["debug", "info", "warn", "error"]), "Least severe line the daemon logs.", defaults.log.level),
  format: setting(z.enum(["json", "text"]), "One JSON object a line, or text for people.", defaults.log.format),
  file: setting(text, "File to append to, relative to the config file. Default: standard error."),
});
