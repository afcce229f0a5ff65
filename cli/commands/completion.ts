/** `bifrost completion bash|zsh|fish`: words of the command table, so a new command completes by being in it. */
import { setTimeout as pause } from "node:timers/promises";
import { Command } from "commander";
import type { Context } from "../command.ts";
import { kindOf, namesOf, optionKindOf } from "../completion-names.ts";
import { type Place, scripts, type Words } from "../completion-scripts.ts";
import { CliFailure, exitCodes } from "../failure.ts";
import { withDaemon } from "../session.ts";
import { views } from "../tui/views.ts";

/** Who presses the tab key does not wait for longer. */
const namesMs = 1_500;

export function build(command: Command, context: Context): void {
  command
    .argument("[shell]", Object.keys(scripts).join(", "))
    .option("--names <kind>", "What the scripts ask for: names of the daemon's keys, teams, models … a line each")
    .action(async (shell: string | undefined, { names }: { names?: string }) => {
      if (names !== undefined) return context.terminal.out((await known(names, command, context)).map(line).join(""));
      const script = scripts[shell ?? ""];
      if (script === undefined)
        throw new CliFailure(
          shell === undefined ? "no shell is named" : `no completion for "${shell}"`,
          exitCodes.usage,
          `Shells: ${Object.keys(scripts).join(", ")}`,
        );
      context.terminal.out(script(await collectWords(context)));
    });
}

/** Nothing where no daemon answers: a tab key is no place for an error. */
async function known(kind: string, command: Command, context: Context): Promise<readonly string[]> {
  const late = new AbortController();
  const none = pause(namesMs, [], { signal: late.signal }).catch(() => []);
  const asked = withDaemon(command, context, (client) => namesOf(client, kind)).catch(() => []);
  try {
    return await Promise.race([asked, none]);
  } finally {
    late.abort();
  }
}

function line(name: string): string {
  return `${name}\n`;
}

/** Keyed by the words before: "" for commands, `keys` for its subcommands, `keys create` for its options. */
async function collectWords(context: Context): Promise<Words> {
  const words = new Map<string, Place>([
    ["", { words: context.commands.map(({ name }) => name), options: ["--home", "--help", "--version"] }],
  ]);
  for (const { name, load } of context.commands) {
    const built = new Command(name);
    if (name !== "completion") (await load()).build(built, context);
    words.set(name, placeOf(built));
    if (name === "completion") words.set(name, { ...placeOf(built), words: Object.keys(scripts) });
    if (name === "tui") words.set(name, { ...placeOf(built), words: views.map((view) => view.name) });
    for (const each of built.commands) words.set(`${name} ${each.name()}`, placeOf(each));
  }
  return words;
}

function placeOf(command: Command): Place {
  const values = command.options.flatMap(({ long, short, argChoices }) =>
    argChoices === undefined ? [] : [long, short].flatMap((name) => (name ? [[name, argChoices] as const] : [])),
  );
  const optionNames = command.options.flatMap(({ long, flags, required, argChoices }) => {
    const kind = optionKindOf(long?.slice(2) ?? "");
    const isName = required && argChoices === undefined && !flags.includes("<file>");
    return kind !== undefined && isName ? [[long!, kind] as const] : [];
  });
  const choices = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
  const [first] = command.registeredArguments;
  return {
    words: [...command.commands.map((each) => each.name()), ...choices],
    options: optionsOf(command),
    values: Object.fromEntries(values),
    names: first === undefined ? undefined : kindOf(first.name()),
    optionNames: Object.fromEntries(optionNames),
  };
}

function optionsOf(command: Command): string[] {
  return [...command.options.map(({ long }) => long ?? "").filter((long) => long !== ""), "--home", "--help"];
}
