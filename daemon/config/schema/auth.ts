/** Who may call models. */
import { z } from "zod";
import { defaults } from "../settings.ts";
import { budgetPattern } from "../units.ts";
import { setting } from "./setting.ts";

export const auth = z.strictObject({
  inference: setting(
    z.enum(["keys", "open"]),
    "Who may call models: `keys` (holders of a virtual key) or `open` (anyone who reaches the port).",
    defaults.auth.inference,
  ),
  files: setting(
    z.enum(["owned", "shared"]),
    "Whose files and batches a key may see: those of its own owner (`owned`), or all that the provider has (`shared`).",
    defaults.auth.files,
  ),
  raw_bodies: setting(
    z.enum(["off", "keys", "all"]),
    "Who is shown, with `x-bf-send-back-raw-request` or `-response`, what was sent to the provider and what it answered, as it was: nobody (`off`), keys that have `raw` (`keys`), or every caller (`all`). Never our credentials.",
    defaults.auth.raw_bodies,
  ),
  first_key_budget: setting(
    z
      .string("expected dollars and a period such as 10/1d, or none")
      .regex(new RegExp(`^none$|${budgetPattern.source}`), "expected dollars and a period such as 10/1d, or none"),
    "Budget of the key that the first start creates, in dollars per period, or `none`.",
    defaults.auth.first_key_budget,
  ),
});
