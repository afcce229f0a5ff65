/**
 * Probes of the providers for which the config asks for them, from the main thread. Hides that what sends them is loaded
 * with the first config that does: without one this costs nothing.
 */
import { isDeepStrictEqual } from "node:util";
import type { ProbeView } from "../admin/contract/routing.ts";
import type { GenerationData, ProviderData } from "../config/generation.ts";
import type { Log } from "../log.ts";
import type { SharedRouting } from "../routing/routing.ts";
import type { Prober } from "./prober.ts";

export type Probes = {
  use(data: GenerationData): void;
  readonly view: (provider: string) => { readonly probe?: ProbeView };
  close(): void;
};

export function openProbes(shared: SharedRouting, log: Log): Probes {
  let wanted: readonly ProviderData[] = [];
  let prober: Prober | undefined;
  let isLoading = false;
  let newest: GenerationData | undefined;
  let closed = false;

  async function load(): Promise<void> {
    const { createProber } = await import("./prober.ts");
    if (closed) return;
    prober = createProber(shared, log);
    prober.use(newest!);
  }

  return {
    use(data) {
      newest = data;
      const now = data.providers.filter(({ probe }) => probe !== undefined);
      const isSame = isDeepStrictEqual(now, wanted);
      wanted = now;
      if (prober !== undefined) prober.use(data, isSame);
      if (isLoading || now.length === 0) return;
      isLoading = true;
      load().catch((error: unknown) => log.error("probes cannot be started", { error: String(error) }));
    },
    view: (provider) => prober?.view(provider) ?? {},
    close() {
      closed = true;
      prober?.close();
    },
  };
}
