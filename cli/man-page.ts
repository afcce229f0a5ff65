/** The manual page, from the commands themselves. Hides troff. */
import { Command } from "commander";
import { type Context, prepare } from "./command.ts";
import { version } from "./version.ts";

export async function renderManPage(context: Context): Promise<string> {
  const sections = await Promise.all(
    context.commands.map(async ({ name, summary, load }) => {
      const command = prepare(new Command(name), context).description(summary);
      (await load()).build(command, context);
      return renderCommand(command, `bifrost ${name}`);
    }),
  );
  return [
    `.TH BIFROST 1 "" "bifrost ${version}" "Bifrost"`,
    ".SH NAME",
    "bifrost \\- a self\\-hosted AI gateway",
    ".SH SYNOPSIS",
    ".B bifrost\n.I command\n.RI [ options ]",
    ".SH DESCRIPTION",
    "One program between your code and every model provider: it speaks their APIs, keeps exact budgets for every key, and",
    "records each request in a chain that shows tampering.",
    ".SH COMMANDS",
    ...sections,
    ".SH FILES",
    ".TP\n.I ~/.local/share/bifrost\nthe home: keys, balances, records; with a service /var/lib/bifrost",
    ".TP\n.I ./config.yaml, <home>/config.yaml, /etc/bifrost/config.yaml\nthe config; the first that is there",
    ".SH ENVIRONMENT",
    ".TP\n.B BIFROST_HOME\nthe home, where no \\-\\-home says otherwise",
    ".SH EXIT STATUS",
    "0 done; 1 failed; 2 used wrongly; 3 not found; 4 no daemon runs; 5 taken; 6 a check found something.",
    "",
  ].join("\n");
}

function renderCommand(command: Command, path: string): string {
  const usage = command.registeredArguments.map((argument) =>
    argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
  );
  const own = [
    `.SS ${quote([path, ...usage].join(" "))}`,
    text(command.description()),
    ...command.options.map(({ flags, description }) => `.TP\n.B ${text(flags)}\n${text(description)}`),
  ];
  return [...own, ...command.commands.map((each) => renderCommand(each, `${path} ${each.name()}`))].join("\n");
}

function quote(words: string): string {
  return `"${text(words).replaceAll('"', '""')}"`;
}

/** A line must not begin with what troff takes for a request, and a hyphen is to be one. */
function text(words: string): string {
  return words
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replace(/^([.'])/gm, "\\&$1");
}
