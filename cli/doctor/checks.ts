/** Every check there is. A feature adds its own: a file beside these, and a word here. */
import { alerts } from "./alerts.ts";
import type { Check } from "./check.ts";
import { clock } from "./clock.ts";
import { config } from "./config.ts";
import { daemon } from "./daemon.ts";
import { disk } from "./disk.ts";
import { egress } from "./egress.ts";
import { home } from "./home.ts";
import { keys } from "./keys.ts";
import { port } from "./port.ts";
import { providers } from "./providers.ts";
import { store } from "./store.ts";
import { system } from "./system.ts";

export const checks: readonly Check[] = [
  home,
  daemon,
  config,
  store,
  disk,
  clock,
  port,
  system,
  keys,
  providers,
  egress,
  alerts,
];
