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
  litellm: setting(
    flag,
    "Answer as LiteLLM's proxy does: `/key/*`, `/organization/*`, `/team/*`, `/user/*`, `/project/*`, `/customer/*`, `/access_group/*`, `/tag/*`, `/budget/*`, `/spend/*` and `/global/spend` on the port of the models, for holders of admin tokens, and its `x-litellm-` headers.",
    defaults.compat.litellm,
  ),
});
