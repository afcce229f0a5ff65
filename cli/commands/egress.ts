/** `bifrost egress`: every address that the config can make the daemon call. */
import type { Command } from "commander";
import type { EgressAnswer } from "../../daemon/admin/contract/egress.ts";
import type { Context } from "../command.ts";
import { renderJson, renderTable } from "../render.ts";
import { withClient } from "../session.ts";

export function build(command: Command, context: Context): void {
  command.option("--json", "Print JSON").action(async ({ json }: { json?: boolean }) => {
    const answer = await withClient(command, context, (client) => client.call<EgressAnswer>("GET", "/api/egress"));
    const { terminal } = context;
    if (json) return terminal.out(renderJson(answer));
    terminal.out(
      renderTable(
        answer.addresses,
        [
          { title: "ADDRESS", cell: ({ host, port }) => `${host.includes(":") ? `[${host}]` : host}:${port}` },
          { title: "WHERE", cell: ({ local }) => (local ? "this machine" : "network") },
          { title: "USED BY", cell: (each) => each.used_by, shrinkTo: 20 },
        ],
        terminal,
      ),
    );
    const closed = "Everything else is refused (network.egress: closed).\n";
    terminal.err(
      answer.egress === "closed" ? closed : "Nothing is refused; network.egress: closed refuses all others.\n",
    );
  });
}
