/** What a config becomes before the daemon and its threads use it. */
import type { ServeOptions } from "../admin/contract/calling.ts";
import type { GenerationData } from "../config/generation.ts";
import { importedPrices } from "../config/price-table.ts";
import type { TrafficSettings } from "./store-threads.ts";

/** With what the command line and `bifrost catalog import` say instead. */
export function overridden(data: GenerationData, options: ServeOptions, home: string): GenerationData {
  return withPrices(withAddress(data, options), home);
}

/** Only what the thread needs: the rest of a config holds secrets. */
export function trafficSettings({ record, metrics }: GenerationData): TrafficSettings {
  const { retentionMs, contentRetentionMs, rollups, redact, redactPatterns } = record;
  const redaction = { kinds: redact, patterns: redactPatterns };
  return { retention: { retentionMs, contentRetentionMs, rollups }, metrics, redaction };
}

/** Workers read owners and keys from the shared tables: a copy for each would be thousands of values. */
export function withoutDeclared(data: GenerationData): GenerationData {
  return { ...data, governance: undefined };
}

function withPrices(data: GenerationData, home: string): GenerationData {
  const imported = importedPrices(home);
  return imported === undefined ? data : { ...data, importedPrices: imported };
}

function withAddress(data: GenerationData, { host, port }: ServeOptions): GenerationData {
  if (host === undefined && port === undefined) return data;
  return { ...data, server: { ...data.server, host: host ?? data.server.host, port: port ?? data.server.port } };
}
