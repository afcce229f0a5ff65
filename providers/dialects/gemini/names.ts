/** Google's clients spell fields as JSON does or as protobuf does, and its servers take both. Hides which. */
import type { Shape } from "../../json.ts";

const spelled = new Map<string, string>();

/** The field, under its own name or with underscores. */
export function field(object: Shape, name: string): unknown {
  const value = object[name];
  if (value !== undefined) return value;
  let other = spelled.get(name);
  if (other === undefined) {
    other = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    spelled.set(name, other); // names are this code's own: there are few
  }
  return object[other];
}

/** A copy whose own fields are spelled as JSON spells them; what is in them is left as it is. */
export function camelCase(object: Shape): Shape {
  let renamed: Record<string, unknown> | undefined;
  for (const key in object) {
    if (!key.includes("_") || key.startsWith("_")) continue;
    renamed ??= { ...object };
    const name = key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    if (!(name in renamed)) renamed[name] = object[key];
    delete renamed[key];
  }
  return renamed ?? object;
}
