/** Questions to the person at the keys, as promises. Hides that only one stands at a time; the next one waits. */
import type { Dialog, State } from "./state.ts";
import type { Dialogs } from "./view.ts";

const noticeMs = 6_000;

export function createDialogs(
  state: State,
  clock: { now(): number },
  changed: () => void,
  wake: (ms: number) => void,
): Dialogs {
  const waiting: Dialog[] = [];
  function open<Answer>(make: (answer: (value: Answer) => void) => Dialog): Promise<Answer> {
    return new Promise((resolve) => {
      const dialog = make((value) => {
        state.dialog = waiting.shift();
        resolve(value);
        changed();
      });
      if (state.dialog === undefined) state.dialog = dialog;
      else waiting.push(dialog);
      changed();
    });
  }
  return {
    ask: (question, { initial = "", hint } = {}) =>
      open<string | undefined>((answer) => ({ kind: "ask", question, hint, text: initial, answer })),
    choose: (question, choices) =>
      open<string | undefined>((answer) => ({ kind: "choose", question, choices, index: 0, answer })),
    confirm: (question, details = []) => open<boolean>((answer) => ({ kind: "confirm", question, details, answer })),
    show: (title, lines, copy) =>
      open<void>((answer) => ({ kind: "show", title, lines, copy, answer: () => answer(undefined) })),
    notice(text, kind = "info") {
      state.notice = { text, kind, until: clock.now() + noticeMs };
      wake(noticeMs + 1);
      changed();
    },
  };
}
