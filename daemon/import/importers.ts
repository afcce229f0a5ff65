/** The gateways whose configs can be imported. Hides where each importer lies. */
import type { Importers } from "../admin/contract/calling.ts";
import { accepted } from "./accept.ts";
import { importBifrost } from "./bifrost.ts";
import { importLitellm, importLitellmWithKeys } from "./litellm.ts";
import { importPortkey } from "./portkey.ts";

export const importers: Importers = {
  litellm: importLitellm,
  litellmWithKeys: importLitellmWithKeys,
  bifrost: importBifrost,
  portkey: importPortkey,
  accepted,
};
