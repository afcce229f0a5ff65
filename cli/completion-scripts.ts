/** Completion as each shell has it. Hides their ways to say the same: what may follow the words that are typed so far. */

export type Words = ReadonlyMap<string, Place>;
export type Place = {
  readonly words: readonly string[];
  readonly options: readonly string[];
  /** What may follow an option: `--by` → key, team … */
  readonly values?: Readonly<Record<string, readonly string[]>>;
  /** What a running daemon is asked for as an argument: `key`, `team` … */
  readonly names?: string | undefined;
  /** The same after an option. */
  readonly optionNames?: Readonly<Record<string, string>>;
};

export const scripts: Readonly<Record<string, (words: Words) => string>> = { bash, zsh, fish };

const ask = (kind: string): string => `_bifrost_names ${kind}`;

function cases(words: Words): string {
  return [...words]
    .flatMap(([before, each]) => [
      `    "${before}") ${each.names === undefined ? "" : `${ask(each.names)}; `}echo "${[...each.words, ...each.options].join(" ")}" ;;`,
      ...Object.entries(each.values ?? {}).map(
        ([option, values]) => `    "${before} ${option}") echo "${values.join(" ")}" ;;`,
      ),
      ...Object.entries(each.optionNames ?? {}).map(([option, kind]) => `    "${before} ${option}") ${ask(kind)} ;;`),
    ])
    .join("\n");
}

function lookup(words: Words): string {
  // Of the words typed so far those count that are commands; values of options and arguments do not.
  return `_bifrost_places="|${[...words.keys()].join("|")}|"
_bifrost_names() {
  command bifrost \${_bifrost_at:+"$_bifrost_at"} completion --names "$1" 2>/dev/null
}
_bifrost_words() {
  case "$1" in
${cases(words)}
    *" -"*) ;;
    *) echo "--home --help" ;;
  esac
}
# Which command the words lead to, and which daemon they mean.
_bifrost_read() {
  before="" _bifrost_at=""
  local word previous=""
  for word in "$@"; do
    case "$previous" in
      --home | --url) _bifrost_at="$previous=\${word/#"~/"/$HOME/}" ;;
      *) case "$_bifrost_places" in *"|\${before:+$before }$word|"*) before="\${before:+$before }$word" ;; esac ;;
    esac
    previous="$word"
  done
}`;
}

function bash(words: Words): string {
  // A colon parts words here: what stands before it is put together again, and left out of what is offered.
  return `${lookup(words)}
_bifrost() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before prefix="" values="" _bifrost_at
  local last="\${COMP_WORDS[COMP_CWORD-1]}"
  _bifrost_read "\${COMP_WORDS[@]:1:COMP_CWORD-1}"
  if [ "$current" = : ]; then prefix="$last:" current=""
  elif [ "$last" = : ]; then prefix="\${COMP_WORDS[COMP_CWORD-2]}:"; fi
  case "$last" in -*) values="$(_bifrost_words "$before $last")" ;; esac
  COMPREPLY=($(compgen -W "\${values:-$(_bifrost_words "$before")}" -- "$prefix$current"))
  COMPREPLY=("\${COMPREPLY[@]#"$prefix"}")
}
complete -o default -F _bifrost bifrost
`;
}

function zsh(words: Words): string {
  return `#compdef bifrost
${lookup(words)}
_bifrost() {
  local before values="" _bifrost_at
  _bifrost_read "\${(@)words[2,CURRENT-1]}"
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

const fishNames = `function __bifrost_names
  set -l at
  set -l previous ""
  for word in (commandline -opc)
    if contains -- "$previous" --home --url
      set at "$previous="(string replace -r '^~/' "$HOME/" -- $word)
    end
    set previous $word
  end
  command bifrost $at completion --names $argv 2>/dev/null
end`;

function fish(words: Words): string {
  const lines = [...words].flatMap(([before, { words: next, options, values, names, optionNames }]) => {
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
      ...(names === undefined ? [] : [`complete -c bifrost -f -n '${condition}' -a '(__bifrost_names ${names})'`]),
      ...options.map((option) => {
        const kind = optionNames?.[option];
        const choices = values?.[option]?.join(" ") ?? (kind === undefined ? undefined : `(__bifrost_names ${kind})`);
        const follows = choices === undefined ? "" : ` -x -a '${choices}'`;
        return `complete -c bifrost -n '${condition}' -l '${option.slice(2)}'${follows}`;
      }),
    ];
  });
  return `${[fishNames, ...lines].join("\n")}\n`;
}
