/** Lists what a generation can call. Hides how an address on this machine is told. */
import type { GenerationData } from "../../config/generation.ts";
import { egressOf } from "../../egress/addresses.ts";
import type { EgressAnswer } from "../contract/egress.ts";

export function listEgress(data: GenerationData): EgressAnswer {
  const addresses = egressOf(data).map((address) => ({ ...address, local: isLocal(address.host) }));
  return { egress: data.egress === undefined ? "open" : "closed", addresses };
}

function isLocal(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost") || host === "::1" || host.startsWith("127.");
}
