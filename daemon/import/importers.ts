/** The gateways whose configs can be imported. Hides where each importer lies. */
import type { Importers } from "../admin/contract/calling.ts";
import { importLitellm } from "./litellm.ts";

export const importers: Importers = { litellm: importLitellm };
