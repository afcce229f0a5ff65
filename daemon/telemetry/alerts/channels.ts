/**
 * Sends notices: one after the other for each channel, with a bounded queue, a deadline and a few tries. Hides the
 * protocols, and that addresses inside the network are refused unless the config lets them be reached.
 */
import { randomBytes } from "node:crypto";
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import type { AlertChannelView, AlertTestAnswer } from "../../admin/contract/alerts.ts";
import type { AlertChannelData } from "../../config/telemetry-data.ts";
import { assertPublicHost, isPublic, publicLookup } from "../../runtime/public-address.ts";
import { HttpAgent, request } from "../http-request.ts";
import type { Notice } from "./engine.ts";
import { mailText, pagerDutyBody, signedHeaders, slackBody, teamsBody, titleOf, webhookBody } from "./messages.ts";

export type AlertChannel = {
  readonly name: string;
  /** Queues it; with a full queue it is dropped and counted. */
  send(notice: Notice): void;
  /** Sends at once, one try. */
  test(notice: Notice): Promise<AlertTestAnswer>;
  view(): AlertChannelView;
  close(): void;
};

const queueMax = 100;
const sendMs = 10_000;
const triesMax = 3;
const retryMs = 2_000;
const answerCharactersMax = 200;

type Attempt = { readonly ok: boolean; readonly status: number | null; readonly error: string | null };

/** @param source what PagerDuty is told that speaks */
export function openChannel(data: AlertChannelData, source: string, waitMs = retryMs): AlertChannel {
  const queue: Notice[] = [];
  let [sent, failed, dropped] = [0, 0, 0];
  let lastError: string | null = null;
  let lastSentAt: number | null = null;
  let working = false;
  let closed = false;
  const deliver = data.type === "email" ? (notice: Notice) => mail(data, notice) : httpDelivery(data, source);

  async function work(): Promise<void> {
    if (working) return;
    working = true;
    for (let notice = queue.shift(); notice !== undefined && !closed; notice = queue.shift()) {
      for (let tries = 1; ; tries++) {
        const { ok, status, error } = await deliver(notice);
        note(ok, error);
        // What is refused is refused again; only what may pass is tried again.
        const mayPass = status === null || status === 429 || status >= 500;
        if (ok || closed || tries === triesMax || !mayPass) break;
        await pause(waitMs * tries, undefined, { ref: false });
      }
    }
    working = false;
  }

  function note(ok: boolean, error: string | null): void {
    if (ok) {
      sent += 1;
      lastSentAt = Date.now();
    } else {
      failed += 1;
      lastError = error;
    }
  }

  return {
    name: data.name,
    send(notice) {
      if (queue.length >= queueMax) {
        dropped += 1;
        return;
      }
      queue.push(notice);
      void work();
    },
    async test(notice) {
      const startedAt = performance.now();
      const attempt = await deliver(notice);
      note(attempt.ok, attempt.error);
      return { ...attempt, latency_ms: Math.round(performance.now() - startedAt) };
    },
    view: () => ({
      ...{ name: data.name, kind: data.type, to: addressOf(data), sent, failed, dropped },
      ...{ last_error: lastError, last_sent_at_ms: lastSentAt },
    }),
    close() {
      closed = true;
      queue.length = 0;
    },
  };
}

/** Without what is secret: of a URL the host alone. */
function addressOf(data: AlertChannelData): string {
  return data.type === "email" ? data.to.join(", ") : new URL(data.url).host;
}

function httpDelivery(data: Exclude<AlertChannelData, { type: "email" }>, source: string) {
  const url = new URL(data.url);
  const agent = new HttpAgent({
    connections: 1,
    connect: { timeout: sendMs, ...(data.allowPrivate ? {} : { lookup: publicLookup }) },
  });
  return async (notice: Notice): Promise<Attempt> => {
    try {
      if (!data.allowPrivate) assertPublicHost(url.hostname);
      const [body, headers] = render(data, notice, source);
      // A redirect is not followed: it could lead anywhere.
      const options = {
        ...{ method: "POST", body, headersTimeout: sendMs, bodyTimeout: sendMs },
        headers: { "content-type": "application/json", "user-agent": "bifrost-alerts", ...headers },
        signal: AbortSignal.timeout(sendMs),
      } as const;
      const answer = await request(url, options, agent);
      const status = answer.statusCode;
      if (status < 300) {
        await answer.body.dump({ limit: 64 * 1024 });
        return { ok: true, status, error: null };
      }
      const words = (await answer.body.text()).slice(0, answerCharactersMax);
      return { ok: false, status, error: `${url.host} answered ${status}: ${withoutSecrets(words, data)}` };
    } catch (error) {
      return { ok: false, status: null, error: `${url.host}: ${withoutSecrets(reasonOf(error), data)}` };
    }
  };
}

function render(
  data: Exclude<AlertChannelData, { type: "email" }>,
  notice: Notice,
  source: string,
): [body: string, headers: Record<string, string>] {
  switch (data.type) {
    case "slack":
      return [JSON.stringify(slackBody(notice)), {}];
    case "teams":
      return [JSON.stringify(teamsBody(notice)), {}];
    case "pagerduty":
      return [JSON.stringify(pagerDutyBody(notice, data.routingKey, source)), {}];
    case "webhook": {
      const body = JSON.stringify(webhookBody(notice));
      if (data.secret === undefined) return [body, {}];
      const id = `msg_${randomBytes(12).toString("hex")}`;
      return [body, signedHeaders(id, Math.floor(Date.now() / 1_000), body, data.secret)];
    }
  }
}

async function mail(data: Extract<AlertChannelData, { type: "email" }>, notice: Notice): Promise<Attempt> {
  try {
    const { createTransport } = await import("nodemailer");
    const transport = createTransport({
      // The address that was judged is the one that is dialled; the certificate is the name's.
      ...{ host: await judged(data), port: data.port, secure: data.tls === "always" },
      requireTLS: data.tls === "starttls",
      ignoreTLS: data.tls === "none",
      ...(isIP(data.host) === 0 ? { tls: { servername: data.host } } : {}),
      ...(data.user === undefined ? {} : { auth: { user: data.user, pass: data.password ?? "" } }),
      ...{ connectionTimeout: sendMs, greetingTimeout: sendMs, socketTimeout: sendMs },
      ...{ disableFileAccess: true, disableUrlAccess: true },
    });
    try {
      await transport.sendMail({
        ...{ from: data.from, to: [...data.to], subject: oneLine(titleOf(notice)), text: mailText(notice) },
      });
    } finally {
      transport.close();
    }
    return { ok: true, status: null, error: null };
  } catch (error) {
    const text = reasonOf(error);
    const safe = data.password ? text.replaceAll(data.password, "[password]") : text;
    return { ok: false, status: null, error: `${data.host}: ${safe}` };
  }
}

async function judged({ host, allowPrivate }: Extract<AlertChannelData, { type: "email" }>): Promise<string> {
  const { address } = await lookup(host);
  if (!allowPrivate && !isPublic(address))
    throw new Error(`${host} lies inside the network; allow_private: true lets it be reached`);
  return address;
}

function withoutSecrets(text: string, data: Exclude<AlertChannelData, { type: "email" }>): string {
  const { pathname, search } = new URL(data.url);
  const secrets = [pathname + search, pathname, data.type === "pagerduty" ? data.routingKey : (data.secret ?? "")];
  return secrets.reduce((safe, secret) => (secret.length > 3 ? safe.replaceAll(secret, "[secret]") : safe), text);
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error ? cause.message : String(cause);
}

function oneLine(text: string): string {
  return text.replaceAll(/[\r\n]+/g, " ").slice(0, 200);
}
