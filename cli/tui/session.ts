/**
 * The screen's life: what is asked of the daemon and when, and what answers change. Hides timers and the order in
 * which answers come: one that arrives after its view was left, or after a newer one, changes nothing.
 */
import type { StatusAnswer } from "../../daemon/admin/contract/daemon.ts";
import { nextStep } from "../next-step.ts";
import { createDialogs } from "./dialogs.ts";
import { isLoss, type Source } from "./source.ts";
import { currentPane, openPane, type Pane, type State, selectedRow } from "./state.ts";
import type { ActionContext, Dialogs } from "./view.ts";
import { viewNamed } from "./views.ts";

export type SessionOptions = {
  readonly source: Source;
  readonly clock: { now(): number };
  readonly readOnly: boolean;
  readonly remote: string | undefined;
  readonly start: { readonly view: string; readonly subject?: string | undefined };
  /** Something is to be drawn anew. Called often; who draws decides how often. */
  readonly onChange: () => void;
  readonly onQuit: () => void;
  readonly copy: (text: string) => void;
  readonly save: (name: string, text: string) => Promise<string>;
};

export type Session = {
  readonly state: State;
  readonly dialogs: Dialogs;
  start(): void;
  stop(): void;
  go(
    place: { readonly view: string; readonly subject?: string | undefined },
    options?: { readonly replace?: boolean },
  ): void;
  back(): boolean;
  quit(): void;
  /** Asks again now. */
  reload(): void;
  changed(): void;
  context(): ActionContext<unknown, unknown> | undefined;
  readonly options: SessionOptions;
};

const statusEveryMs = 1_000;
const pulseSamples = 60;
const stackMax = 16;
/** A daemon that is away is looked for this often. */
const lostEveryMs = 500;

export function createSession(options: SessionOptions): Session {
  const { source, clock } = options;
  const state: State = {
    stack: [openPane(viewNamed(options.start.view)!, options.start.subject)],
    prompt: undefined,
    dialog: undefined,
    notice: undefined,
    paused: false,
    status: undefined,
    pulse: [],
    lostSince: undefined,
    refused: undefined,
    readOnly: options.readOnly,
    remote: options.remote,
    now: clock.now(),
  };
  const timers = new Set<NodeJS.Timeout>();
  /** What was loaded last, also while the screen is paused and shows an older one. */
  const loaded = new WeakMap<Pane, unknown>();
  let running = false;
  let served: { readonly total: number; readonly at: number; readonly pid: number } | undefined;
  let viewTimer: NodeJS.Timeout | undefined;

  function changed(): void {
    state.now = clock.now();
    options.onChange();
  }

  function after(ms: number, run: () => void): NodeJS.Timeout {
    const timer = setTimeout(() => {
      timers.delete(timer);
      if (running) run();
    }, ms);
    timers.add(timer);
    return timer;
  }

  async function pollStatus(): Promise<void> {
    try {
      const status = await source.get<StatusAnswer>("/api/status");
      const at = performance.now();
      const total = status.workers.reduce((sum, worker) => sum + worker.requests_total, 0);
      if (served !== undefined && served.pid === status.pid && at > served.at)
        pulse(Math.max(0, ((total - served.total) * 1_000) / (at - served.at)));
      served = { total, at, pid: status.pid };
      state.status = status;
      state.refused = undefined;
      if (state.lostSince !== undefined) {
        state.lostSince = undefined;
        session.dialogs.notice("The daemon answers again", "good");
        session.reload();
      }
    } catch (error) {
      if (isLoss(error)) state.lostSince ??= clock.now();
      else refuse(error instanceof Error ? error.message : String(error));
      served = undefined;
      pulse(undefined);
    }
    if (!running) return;
    changed();
    after(state.lostSince === undefined ? statusEveryMs : lostEveryMs, () => void pollStatus());
  }

  function refuse(message: string): void {
    if (state.refused === message) return;
    state.refused = message;
    const next = nextStep(message);
    if (next !== undefined) session.dialogs.notice(next, "bad");
  }

  function pulse(rate: number | undefined): void {
    state.pulse.push(rate);
    if (state.pulse.length > pulseSamples) state.pulse.shift();
  }

  async function load(pane: Pane): Promise<void> {
    const { place } = pane;
    let data: unknown;
    let failure: unknown;
    try {
      data = await pane.view.load(source, place, loaded.get(pane), clock.now());
      loaded.set(pane, data);
    } catch (error) {
      failure = error ?? new Error("unknown");
    }
    if (!running || !state.stack.includes(pane)) {
      leave(pane);
      return;
    }
    if (currentPane(state) !== pane) return;
    if (pane.place.subject === place.subject && pane.place.tab === place.tab) {
      if (failure === undefined) {
        if (!state.paused || pane.data === undefined) pane.data = data;
        pane.error = undefined;
        pane.loadedAt = clock.now();
      } else {
        if (isLoss(failure)) state.lostSince ??= clock.now();
        pane.error = failure instanceof Error ? failure.message : String(failure);
      }
      changed();
    }
    schedule(pane, state.lostSince === undefined ? pane.view.everyMs : lostEveryMs);
  }

  function leave(pane: Pane): void {
    const data = loaded.get(pane);
    if (data !== undefined) pane.view.leave?.(data);
    loaded.delete(pane);
  }

  function schedule(pane: Pane, ms: number): void {
    if (viewTimer !== undefined) {
      clearTimeout(viewTimer);
      timers.delete(viewTimer);
    }
    viewTimer = after(ms, () => {
      viewTimer = undefined;
      if (currentPane(state) === pane) void load(pane);
    });
  }

  const session: Session = {
    state,
    options,
    dialogs: createDialogs(state, clock, changed, (ms) => void after(ms, changed)),
    changed,
    start() {
      running = true;
      void pollStatus();
      void load(currentPane(state));
    },
    stop() {
      running = false;
      for (const pane of state.stack) leave(pane);
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
    },
    go({ view: name, subject }, { replace = false } = {}) {
      const view = viewNamed(name);
      if (view === undefined) return session.dialogs.notice(`There is no view "${name}"`, "bad");
      const gone = replace ? state.stack.splice(0) : state.stack.length >= stackMax ? state.stack.splice(0, 1) : [];
      for (const pane of gone) leave(pane);
      state.stack.push(openPane(view, subject));
      session.reload();
      changed();
    },
    back() {
      if (state.stack.length < 2) return false;
      leave(state.stack.pop()!);
      session.reload();
      changed();
      return true;
    },
    quit: () => options.onQuit(),
    reload() {
      if (running) void load(currentPane(state));
    },
    context() {
      const pane = currentPane(state);
      if (pane.data === undefined) return undefined;
      return {
        data: pane.data,
        row: selectedRow(pane),
        place: pane.place,
        source,
        dialogs: session.dialogs,
        go: (place) => session.go(place),
        reload: () => session.reload(),
      };
    },
  };
  return session;
}
