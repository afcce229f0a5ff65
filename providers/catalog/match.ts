/** Which catalog row a model name means. Hides the notation of the rules in data.json. */

/**
 * A rule is a sign and its text: `=` equals, `^` starts with, `*` contains, `$` ends with (all in lower case), `/` a
 * regular expression over the name as it was written. A list holds when all in it hold, `or` when one does.
 */
export type MatchRule = string | readonly MatchRule[] | { readonly or: readonly MatchRule[] };

export function matches(rule: MatchRule, name: string, lower: string): boolean {
  if (typeof rule !== "string") {
    if ("or" in rule) return rule.or.some((each) => matches(each, name, lower));
    return rule.every((each) => matches(each, name, lower));
  }
  const text = rule.slice(1);
  switch (rule[0]) {
    case "=":
      return lower === text;
    case "^":
      return lower.startsWith(text);
    case "*":
      return lower.includes(text);
    case "$":
      return lower.endsWith(text);
    default:
      return new RegExp(text).test(name);
  }
}

/** `claude-x-20260115` → `claude-x-2026-01-15`; undefined when there is no such date in the name. */
export function dashedDate(name: string): string | undefined {
  const dashed = name.replace(/-(20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)/g, "-$1-$2-$3");
  return dashed === name ? undefined : dashed;
}
