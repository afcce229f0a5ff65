/** `npm run man`: docs/bifrost.1 out of the commands' own definitions. A test holds the file to what this makes. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Argument, Command, type Option } from "commander";
import type { Context } from "../cli/command.ts";
import { commands, describeProgram } from "../cli/program.ts";
import { version } from "../cli/version.ts";

const root = join(import.meta.dirname, "..");
export const manFile = join(root, "docs/bifrost.1");

export async function makeMan(): Promise<string> {
  const context = {
    commands,
    terminal: { hasColor: false, columns: 80, out: () => undefined, err: () => undefined },
  } as unknown as Context;
  const program = describeProgram(new Command("bifrost"));
  const built: Command[] = [];
  for (const { name, summary, load } of commands) {
    const command = new Command(name).description(summary);
    (await load()).build(command, context);
    built.push(command);
  }
  return [
    `.TH BIFROST 1 "" "bifrost ${version}" "User Commands"`,
    ".SH NAME",
    "bifrost \\- a self\\-hosted AI gateway",
    ".SH SYNOPSIS",
    ".B bifrost",
    "\\fIcommand\\fR [\\fIoptions\\fR]",
    ".SH DESCRIPTION",
    roff(program.description()),
    "Most commands talk to the daemon of a home through its Unix socket; where none runs, they work on its files.",
    ".SH OPTIONS",
    ...program.options.map(option),
    ".SH COMMANDS",
    ...built.flatMap((command) => section(command, "")),
    ".SH EXIT STATUS",
    ...exitStatus(),
    ".SH ENVIRONMENT",
    ...environment.map(([name, text]) => `.TP\n.B ${name}\n${roff(text)}`),
    ".SH FILES",
    ...files.map(([name, text]) => `.TP\n.I ${roff(name)}\n${roff(text)}`),
    ".SH EXAMPLES",
    ...examples.map((line) => `.nf\n${roff(line)}\n.fi`),
    "",
  ].join("\n");
}

const environment = [
  ["BIFROST_HOME", "The home, where --home is not given."],
  ["BIFROST_URL, BIFROST_TOKEN", "The admin API of a daemon elsewhere, and a token for it."],
  ["NO_COLOR", "Set and not empty: no colour."],
  ["COLORTERM, TERM, COLORFGBG", "How many colours the screen uses, and for which background."],
] as const;
const files = [
  ["~/.local/share/bifrost", "The home: databases, the socket's address, the last good config."],
  [
    "./config.yaml, $BIFROST_HOME/config.yaml, /etc/bifrost/config.yaml",
    "The config: the first of these that is there.",
  ],
] as const;
const examples = [
  "bifrost serve --detach",
  "bifrost keys create --name ci --budget 10/1d",
  "bifrost logs -f 'status:5xx'",
  "bifrost usage --by team --period 30d",
  "bifrost tui",
];

function section(command: Command, before: string): string[] {
  const name = `${before}${command.name()}`;
  const used = command.registeredArguments.map(argument).join(" ");
  return [
    `.SS ${roff(name)}${used === "" ? "" : ` ${used}`}`,
    roff(`${command.description()}.`),
    ...command.registeredArguments
      .filter(({ description }) => description !== "")
      .map((each) => `.TP\n${argument(each)}\n${roff(described(each))}`),
    ...command.options.map(option),
    ...command.commands.flatMap((each) => section(each, `${name} `)),
  ];
}

function option({ flags, description, argChoices, defaultValue }: Option): string {
  const choices = argChoices === undefined ? "" : ` One of ${argChoices.join(", ")}.`;
  const initial =
    typeof defaultValue === "string" && !description.includes("default") ? ` Default: ${defaultValue}.` : "";
  const stop = choices + initial !== "" && !description.endsWith(".") ? "." : "";
  return `.TP\n.B ${roff(flags)}\n${roff(description + stop + choices + initial)}`;
}

function argument(each: Argument): string {
  const name = `${each.name()}${each.variadic ? " ..." : ""}`;
  return each.required ? `\\fI${roff(name)}\\fR` : `[\\fI${roff(name)}\\fR]`;
}

function described({ description, argChoices }: Argument): string {
  return argChoices === undefined ? description : `${description}: ${argChoices.join(", ")}`;
}

/** The table of docs/cli.md, which a test holds to the codes. */
function exitStatus(): string[] {
  const rows = readFileSync(join(root, "docs/cli.md"), "utf8").matchAll(/^\| `(\d)` \| (.*) \|$/gm);
  return [...rows].map(([, code, text]) => `.TP\n.B ${code}\n${roff(text!.replaceAll("`", ""))}`);
}

/** A line that begins with a dot or a quote would be a request; a hyphen of an option is to be copied as one. */
function roff(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("…", "...")
    .replace(/^([.'])/, "\\&$1");
}

if (process.argv[1] === import.meta.filename) writeFileSync(manFile, await makeMan());
