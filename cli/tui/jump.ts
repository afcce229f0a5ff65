/** What `:` goes to: views by name or alias. Hides how a beginning is completed. */
import type { AnyView } from "./view.ts";
import { views } from "./views.ts";

/** Views whose name begins so, then those with such an alias, then those with it anywhere. */
export function completions(typed: string): readonly AnyView[] {
  const text = typed.trim().toLowerCase();
  const reachable = views.filter(({ inBar, aliases }) => inBar || aliases.length > 0);
  const found = [
    ...reachable.filter(({ name }) => name.startsWith(text)),
    ...reachable.filter(({ aliases }) => aliases.some((alias) => alias.startsWith(text))),
    ...reachable.filter(({ name }) => name.includes(text)),
  ];
  return [...new Set(found)];
}

/** `:req_…` is a request; `:q` leaves. */
export function jumpTarget(typed: string): { readonly view: string; readonly subject?: string } | "quit" | undefined {
  const [word = "", subject] = typed.trim().split(/\s+/);
  if (/^q(uit)?$/.test(word)) return "quit";
  if (/^req_/.test(word)) return { view: "request", subject: word };
  const exact = views.find(({ name, aliases }) => name === word || aliases.includes(word));
  const view = exact ?? completions(word)[0];
  if (view === undefined || word === "") return undefined;
  return subject === undefined ? { view: view.name } : { view: view.name, subject };
}
