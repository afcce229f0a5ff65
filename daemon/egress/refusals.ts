/** Says once in a while that an address was refused. Hides that what retries would fill the log. */
import type { Log } from "../log.ts";

const everyMs = 60_000;
const addressesMax = 1_000;

export function tellOfRefusal(
  { warn }: Pick<Log, "warn">,
  now: () => number = () => performance.now(),
): (address: string) => void {
  const told = new Map<string, number>();
  return (address) => {
    const before = told.get(address);
    if (before !== undefined && now() - before < everyMs) return;
    if (told.size >= addressesMax) told.clear();
    told.set(address, now());
    warn("egress is closed: a connection was refused", { address });
  };
}
