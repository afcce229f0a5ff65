/** Keys while a question stands. Hides editing of a line, and that `esc` always means "nothing is done". */
import type { Session } from "./session.ts";
import type { Dialog } from "./state.ts";
import type { Input } from "./terminal/keys.ts";

const answerCharactersMax = 500;

export function pressDialog(session: Session, dialog: Dialog, input: Input): void {
  if (input.type === "mouse") return;
  const name = input.type === "key" ? input.name : "";
  switch (dialog.kind) {
    case "help":
      session.state.dialog = undefined;
      return;
    case "confirm":
      if (name === "y" || name === "Y") dialog.answer(true);
      else if (["n", "N", "escape", "q"].includes(name)) dialog.answer(false);
      return;
    case "show":
      if (name === "y" && dialog.copy !== undefined) {
        session.options.copy(dialog.copy);
        session.dialogs.notice("Copied", "good");
      } else if (["escape", "enter", "q"].includes(name)) dialog.answer();
      return;
    case "choose":
      choose(dialog, name);
      return;
    case "ask":
      ask(dialog, input);
      return;
  }
}

function choose(dialog: Extract<Dialog, { kind: "choose" }>, name: string): void {
  const count = dialog.choices.length;
  if (name === "escape" || name === "q") dialog.answer(undefined);
  else if (name === "enter") dialog.answer(dialog.choices[dialog.index]);
  else if (name === "up" || name === "k") dialog.index = (dialog.index - 1 + count) % count;
  else if (name === "down" || name === "j" || name === "tab") dialog.index = (dialog.index + 1) % count;
}

function ask(dialog: Extract<Dialog, { kind: "ask" }>, input: Exclude<Input, { type: "mouse" }>): void {
  if (input.type === "paste") {
    dialog.text = (dialog.text + input.text.replaceAll(/\s+/g, " ").trim()).slice(0, answerCharactersMax);
    return;
  }
  if (input.name === "escape") dialog.answer(undefined);
  else if (input.name === "enter") dialog.answer(dialog.text.trim());
  else if (input.name === "backspace") dialog.text = [...dialog.text].slice(0, -1).join("");
  else if (input.name === "ctrl-u") dialog.text = "";
  else if (input.name === "ctrl-w") dialog.text = dialog.text.replace(/\S*\s*$/, "");
  else if (input.text !== "") dialog.text = (dialog.text + input.text).slice(0, answerCharactersMax);
}
