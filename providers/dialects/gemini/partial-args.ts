/**
 * The arguments of a call that come in pieces, each with the path it belongs to. Hides how they are put together: the
 * call is told whole, since a piece of an object is no piece of its text.
 */
import type { Json, JsonObject } from "../../exchange.ts";
import { isObject, nestingLevelsMax, type Shape, text } from "../../json.ts";

/** Elements one list of arguments may have. */
const listMax = 100_000;

type Step = string | number;

/** Puts one piece where its path says; a path that cannot be is passed over. */
export function addPiece(args: Record<string, Json>, piece: Shape): void {
  const steps = stepsOf(text(piece["jsonPath"]) ?? "");
  if (steps.length === 0 || steps.length > nestingLevelsMax) return;
  let holder: Record<string, Json> | Json[] = args;
  for (let index = 0; index < steps.length - 1; index++) {
    const next = descend(holder, steps[index]!, typeof steps[index + 1] === "number");
    if (next === undefined) return;
    holder = next;
  }
  put(holder, steps.at(-1)!, piece);
}

function stepsOf(path: string): readonly Step[] {
  const steps: Step[] = [];
  const pattern = /\.([^.[\]]+)|\[(\d+)\]|\[["']([^"']*)["']\]/gy;
  pattern.lastIndex = path.startsWith("$") ? 1 : 0;
  for (let found = pattern.exec(path); found !== null; found = pattern.exec(path)) {
    const [, name, number, quoted] = found;
    if (number !== undefined) steps.push(Number(number));
    else steps.push(name ?? quoted ?? "");
  }
  return steps;
}

function descend(
  holder: Record<string, Json> | Json[],
  step: Step,
  intoList: boolean,
): Record<string, Json> | Json[] | undefined {
  if (!fits(holder, step)) return undefined;
  const fields = holder as Record<Step, Json>;
  const there = Object.hasOwn(holder, step) ? fields[step] : undefined;
  if (isObject(there) || Array.isArray(there)) return there as Record<string, Json> | Json[];
  const made: Record<string, Json> | Json[] = intoList ? [] : {};
  fields[step] = made;
  return made;
}

function put(holder: Record<string, Json> | Json[], step: Step, piece: Shape): void {
  if (!fits(holder, step)) return;
  const fields = holder as Record<Step, Json>;
  const before = Object.hasOwn(holder, step) ? fields[step] : undefined;
  const written = text(piece["stringValue"]);
  if (written !== undefined) fields[step] = typeof before === "string" ? before + written : written;
  else if (typeof piece["numberValue"] === "number") fields[step] = piece["numberValue"];
  else if (typeof piece["boolValue"] === "boolean") fields[step] = piece["boolValue"];
  else if ("nullValue" in piece) fields[step] = null;
}

function fits(holder: Record<string, Json> | Json[], step: Step): boolean {
  if (Array.isArray(holder)) return typeof step === "number" && step < listMax && step <= holder.length;
  return typeof step === "string" && step !== "__proto__";
}

export function argsText(args: JsonObject): string {
  return JSON.stringify(args);
}
