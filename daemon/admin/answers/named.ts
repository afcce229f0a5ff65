/** Schemas of answers, each with a name in the API's description. Hides the registry that the names are kept in. */
import { z } from "zod";
import { strict } from "../route.ts";

const registry = z.registry<{ readonly id: string }>();
const names = new Map<z.ZodType, string>();

/** A schema that has every field of `T` and no other: the compiler sees to it, and the description refers to it by name. */
export function named<T>(
  name: string,
  shape: { readonly [Field in keyof Required<T>]: z.ZodType<T[Field]> },
): z.ZodType<T> {
  return call(name, strict<T>(shape));
}

export function call<T>(name: string, schema: z.ZodType<T>): z.ZodType<T> {
  registry.add(schema, { id: name });
  names.set(schema, name);
  return schema;
}

export function referenceTo(schema: z.ZodType): { readonly $ref: string } {
  return { $ref: placeOf(names.get(schema)!) };
}

/** All of them, as `components.schemas`. */
export function componentSchemas(): Readonly<Record<string, object>> {
  const { schemas } = z.toJSONSchema(registry, { uri: placeOf, unrepresentable: "any" });
  return Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => {
      const { $schema: _dialect, $id: _id, id: _name, ...rest } = schema as Record<string, unknown>;
      return [name, rest];
    }),
  );
}

function placeOf(name: string): string {
  return `#/components/schemas/${name}`;
}

export const whole = z.int();
export const number = z.number();
export const text = z.string();
export const texts = z.array(z.string());
export const flag = z.boolean();
export const unknownOr = <T>(schema: z.ZodType<T>) => schema.nullable();
