/** Egress: which addresses beyond this machine the config can make the daemon call, and whether all others are refused. */
import type { EgressAnswer } from "../../daemon/admin/contract/egress.ts";
import { exitCodeOf, exitCodes } from "../failure.ts";
import { type Check, good, note } from "./check.ts";

export const egress: Check = {
  name: "egress",
  about: "what can be called, and whether the rest is refused",
  async run({ client, offline }) {
    if (client === undefined) return [note("not looked at: the home could not be opened")];
    const answer = await client.call<EgressAnswer>("GET", "/api/egress").catch(refusal);
    if (answer === undefined) return [note("not looked at: the config is not valid")];
    const { egress: kind, addresses } = answer;
    const away = [...new Set(addresses.filter(({ local }) => !local).map(({ host, port }) => `${host}:${port}`))];
    const where =
      away.length === 0 ? "nothing beyond this machine" : `${away.length} beyond this machine: ${away.join(", ")}`;
    if (kind === "closed") return [good(`closed; can be called: ${where}`)];
    const hint = offline ? "network.egress: closed makes sure that nothing else is tried." : undefined;
    return [note(`open; the config names ${where}`, hint)];
  },
};

/** Where no daemon runs a config that is not valid has no addresses; `config` says what is wrong with it. */
function refusal(error: unknown): undefined {
  if (exitCodeOf(error) !== exitCodes.usage) throw error;
  return undefined;
}
