/** A provider as a config makes it, for tests that are about one or two of its fields. */
import type { ProviderData } from "../../../daemon/config/generation.ts";

const minute = 60_000;

export function providerData(more: Partial<ProviderData> = {}): ProviderData {
  return {
    name: "some",
    host: "custom",
    dialect: "openai-chat",
    baseUrl: "http://127.0.0.1:1/v1",
    parameters: {},
    deployments: {},
    credentials: [],
    headers: {},
    models: [],
    anyModel: true,
    timers: {
      connectMs: minute,
      firstByteStreamMs: minute,
      firstByteMs: minute,
      idleMs: minute,
      clientStallMs: minute,
      totalMs: minute,
    },
    tls: { rejectUnauthorized: true },
    free: false,
    strict: false,
    connectionsMax: 16,
    labels: {},
    ...more,
  };
}
