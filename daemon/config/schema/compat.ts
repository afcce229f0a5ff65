/** Habits of other gateways, for clients that were written against them. */
import { z } from "zod";
import { defaults } from "../settings.ts";
import { flag, setting } from "./setting.ts";

export const compat = z.strictObject({
  bifrost: setting(
    flag,
    "Answer as Bifrost's Go gateway does: its error envelope and statuses on `/v1`, `extra_fields` in answers and events, its routing headers.",
    defaults.compat.bifrost,
  ),
});
