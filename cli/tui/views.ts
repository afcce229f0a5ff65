/** Every view there is, in the order of the bar. A new one is a file in `views/` and a word here. */
import type { AnyView } from "./view.ts";
import { alerts } from "./views/alerts.ts";
import { audit } from "./views/audit.ts";
import { config, diff } from "./views/config.ts";
import { keys } from "./views/keys.ts";
import { models } from "./views/models.ts";
import { owners } from "./views/owners.ts";
import { providers } from "./views/providers.ts";
import { request } from "./views/request.ts";
import { spend } from "./views/spend.ts";
import { traffic } from "./views/traffic.ts";

export const views: readonly AnyView[] = [
  traffic,
  spend,
  keys,
  owners,
  providers,
  models,
  audit,
  config,
  alerts,
  request,
  diff,
];

export function viewNamed(name: string): AnyView | undefined {
  return views.find((view) => view.name === name || view.aliases.includes(name));
}
