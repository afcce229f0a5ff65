/** What is known of models, besides their prices. */
import { z } from "zod";
import { flag, setting, whole } from "./setting.ts";

const tokens = whole.min(1, "must be at least 1").max(100_000_000, "must not be more than 100000000");

export const modelFacts = z
  .strictObject({
    context: setting(tokens, "Tokens that a prompt and its answer may have together."),
    output_max: setting(tokens, "Tokens that an answer may have."),
    vision: setting(flag, "Takes pictures."),
    audio: setting(flag, "Takes sound."),
    documents: setting(flag, "Takes documents, such as PDF."),
    tools: setting(flag, "Calls tools."),
    structured_output: setting(flag, "Answers by a JSON schema."),
    reasoning: setting(flag, "Thinks before it answers."),
    caching: setting(flag, "Reads from a cache what it has read before."),
  })
  .refine((facts) => Object.keys(facts).length > 0, "says nothing");
