/** The config's JSON Schema, for editors that complete and check YAML. */
import { z } from "zod";
import { configSchema } from "./schema.ts";

export function configJsonSchema(): Readonly<Record<string, unknown>> {
  const schema = z.toJSONSchema(configSchema, { io: "input" });
  return { ...schema, title: "Bifrost configuration", $id: "https://bifrost.local/config.schema.json" };
}
