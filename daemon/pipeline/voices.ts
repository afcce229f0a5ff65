/**
 * Speech and transcriptions at a vendor with words of its own for them. Hides that a form gets other names while it goes
 * by, and that a transcript is looked at whole before it is told.
 */

import { GatewayError } from "../../providers/gateway-error.ts";
import type { Host } from "../../providers/hosts.ts";
import { parseJson, shape } from "../../providers/json.ts";
import { nameFields } from "../http/form-names.ts";
import { boundaryOf } from "../http/multipart.ts";
import type { Target } from "../routing/generation.ts";
import type { Exchange } from "./exchange.ts";
import type { Answer } from "./relay-body.ts";
import type { WholeWatch } from "./relay-raw.ts";
import { report } from "./upstream-body.ts";

type Voice = NonNullable<NonNullable<Host["operations"]["speech"]>[number]["voice"]>;

export function speakAs(exchange: Exchange, target: Target, voice: Voice): { path: string; body: Buffer } {
  const asked = shape(parseJson(exchange.body!.toString("utf8")));
  const { path, body, dropped } = voice.speak(asked, target.deployment);
  exchange.droppedHeader = []; // of the hop before this one
  report(exchange, target, dropped);
  return { path, body: Buffer.from(JSON.stringify(body)) };
}

/** @param violated is told of what cannot be served, before the form is whole: the vendor hears nothing that it could bill */
export async function* formAs(
  exchange: Exchange,
  target: Target,
  voice: Voice,
  form: AsyncIterable<Buffer>,
  violated: (error: GatewayError) => void,
): AsyncGenerator<Buffer> {
  const dropped = new Set<string>();
  const namer = nameFields(boundaryOf(exchange.request.headers["content-type"])!, (field) => {
    if (voice.lacks.has(field)) dropped.add(field);
    return Object.hasOwn(voice.fields, field) ? voice.fields[field]! : field;
  });
  exchange.droppedHeader = [];
  for await (const chunk of form) {
    const named = namer.push(chunk);
    try {
      report(exchange, target, [...dropped]);
      assertServed(exchange, target, voice);
    } catch (error) {
      violated(error as GatewayError);
      throw error;
    }
    yield named;
  }
  yield namer.end();
}

function assertServed({ upload }: Exchange, target: Target, { refused }: Voice): void {
  for (const [name, values] of Object.entries(refused)) {
    const value = upload!.form?.fields.get(name)?.value;
    if (value === undefined || !values.test(value)) continue;
    throw new GatewayError(
      "unsupported_parameter",
      `${name}: ${target.provider.name} does not answer with "${value}"`,
      {
        source: "client",
        param: name,
      },
    );
  }
}

export function heardWatch(
  { upload }: Exchange,
  voice: Voice,
  answered: (answer: Answer) => void,
  failed: (error: GatewayError) => void,
): WholeWatch {
  return {
    always: true,
    heard() {},
    answered(answer) {
      const format = upload!.form?.fields.get("response_format")?.value ?? "json";
      let told: ReturnType<Voice["heard"]>;
      try {
        told = voice.heard(parseJson(answer.body.toString("utf8")), format);
      } catch (error) {
        failed(error as GatewayError);
        return;
      }
      const { body, audioMs } = told;
      const isText = typeof body === "string";
      answered({
        ...answer,
        contentType: isText ? "text/plain; charset=utf-8" : "application/json",
        body: Buffer.from(isText ? body : JSON.stringify(body)),
        usage: audioMs === undefined ? answer.usage : { ...answer.usage, audioMs },
      });
    },
  };
}
