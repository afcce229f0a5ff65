/** `bifrost completion bash|zsh|fish`: words of the command table, so a new command completes by being in it. */
import { Command } from "commander";
import type { Context } from "../command.ts";
import { CliFailure, exitCodes } from "../failure.ts";
import { views } from "../tui/views.ts";

type Words = ReadonlyMap<string, Place>;
type Place = {
  readonly words: readonly string[];
  readonly options: readonly string[];
  /** What may follow an option: `--by` → key, team … */
  readonly values?: Readonly<Record<string, readonly string[]>>;
};

const scripts: Readonly<Record<string, (words: Words) => string>> = { bash, zsh, fish };

export function build(command: Command, context: Context): void {
  command.argument("<shell>", Object.keys(scripts).join(", ")).action(async (shell: string) => {
    const script = scripts[shell];
    if (script === undefined)
      throw new CliFailure(
        `no completion for "${shell}"`,
        exitCodes.usage,
        `Shells: ${Object.keys(scripts).join(", ")}`,
      );
    context.terminal.out(script(await collectWords(context)));
  });
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
  const choices = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
  return {
    words: [...command.commands.map((each) => each.name()), ...choices],
    options: optionsOf(command),
    values: Object.fromEntries(values),
  };
}

function optionsOf(command: Command): string[] {
  return [...command.options.map(({ long }) => long ?? "").filter((long) => long !== ""), "--home", "--help"];
}

function cases(words: Words): string {
  return [...words]
    .flatMap(([before, each]) => [
      `    "${before}") echo "${[...each.words, ...each.options].join(" ")}" ;;`,
      ...Object.entries(each.values ?? {}).map(
        ([option, values]) => `    "${before} ${option}") echo "${values.join(" ")}" ;;`,
      ),
    ])
    .join("\n");
}

function lookup(words: Words): string {
  // Of the words typed so far those count that are commands; values of options and arguments do not.
  return `_bifrost_places="|${[...words.keys()].join("|")}|"
_bifrost_words() {
  case "$1" in
${cases(words)}
    *" -"*) ;;
    *) echo "--home --help" ;;
  esac
}`;
}

function bash(words: Words): string {
  return `${lookup(words)}
_bifrost() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$_bifrost_places" in *"|\${before:+$before }$word|"*) before="\${before:+$before }$word" ;; esac
  done
  local last="\${COMP_WORDS[COMP_CWORD-1]}" values=""
  case "$last" in -*) values="$(_bifrost_words "$before $last")" ;; esac
  COMPREPLY=($(compgen -W "\${values:-$(_bifrost_words "$before")}" -- "$current"))
}
complete -o default -F _bifrost bifrost
`;
}

function zsh(words: Words): string {
  return `#compdef bifrost
${lookup(words)}
_bifrost() {
  local before="" word
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$_bifrost_places" in *"|\${before:+$before }$word|"*) before="\${before:+$before }$word" ;; esac
  done
  local values=""
  case "\${words[CURRENT-1]}" in -*) values="$(_bifrost_words "$before \${words[CURRENT-1]}")" ;; esac
  compadd -- \${=\${values:-$(_bifrost_words "$before")}}
}
# Sourced, or as a file named _bifrost in fpath, whose first use is a call.
if [[ "$funcstack[1]" == _bifrost ]]; then _bifrost "$@"; else
  (( $+functions[compdef] )) || { autoload -U compinit && compinit -u }
  compdef _bifrost bifrost
fi
`;
}

function fish(words: Words): string {
  const lines = [...words].flatMap(([before, { words: next, options, values }]) => {
    const parts = before.split(" ").filter((part) => part !== "");
    const seen = parts.map((part) => `__fish_seen_subcommand_from ${part}`);
    const first = words.get(parts[0] ?? "")?.words ?? [];
    const condition =
      parts.length === 0
        ? "__fish_use_subcommand"
        : [
            ...seen,
            ...(parts.length === 1 && first.length > 0 ? [`not __fish_seen_subcommand_from ${first.join(" ")}`] : []),
          ].join("; and ");
    return [
      ...next.map((word) => `complete -c bifrost -f -n '${condition}' -a '${word}'`),
      ...options.map((option) => {
        const choices = values?.[option];
        const follows = choices === undefined ? "" : ` -x -a '${choices.join(" ")}'`;
        return `complete -c bifrost -n '${condition}' -l '${option.slice(2)}'${follows}`;
      }),
    ];
  });
  return `${lines.join("\n")}\n`;
}
