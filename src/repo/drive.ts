/**
 * Carries out what the steps of the protocol ask for, and tells them the answers; decides nothing.
 *
 * Acts of one kind that follow one another go together, a bounded number under way: no step of the
 * protocol waits for a put, a removal or a read beside its own kind, and all are over before the
 * next kind begins.
 */
import { Failure, toFailure } from "../base/failure.ts";
import { mapBounded } from "../base/map_bounded.ts";
import { isMiss } from "./objects.ts";
import type { Action, Answer } from "./protocol/records.ts";

const UNDER_WAY = 8;
/** Acts gathered at once. */
const BATCH = 512;

export interface Machine<S> {
  next(state: S): Action;
  after(state: S, answer: Answer): S;
}

type Act<S> = (action: Action, state: S) => Promise<Answer>;

/** Runs to the step that stops; the state then. */
export async function drive<S>(machine: Machine<S>, start: S, act: Act<S>): Promise<S> {
  let state = start;
  for (;;) {
    const action = machine.next(state);
    if (action.do === "stop") return state;
    const batch = gather(machine, state, action);
    const from = state;
    const answers = await mapBounded(batch, UNDER_WAY, (one) => act(one, from));
    for (const [i, answer] of answers.entries()) {
      if (!same(machine.next(state), batch[i])) {
        throw new Failure("internal", "a step of the protocol asked for something else meanwhile");
      }
      state = machine.after(state, answer);
    }
  }
}

/** Beginnings until what is missing each time is believed to be missing. */
const BEGINNINGS = 5;

/**
 * Begins anew, with everything listed again, where something that was listed is gone or cannot be
 * found: another prune copies before it removes, and what it moved is seen the next time.
 */
export async function anew<T>(act: () => Promise<T>): Promise<T> {
  for (let left = BEGINNINGS; ; left--) {
    try {
      return await act();
    } catch (error) {
      if (!isMiss(toFailure(error)) || left === 1) throw error;
    }
  }
}

/** What an act is answered when all goes well. */
function expected(action: Action): Answer | null {
  switch (action.do) {
    case "put":
      return { did: "put", known: true };
    case "remove":
      return { did: "remove" };
    case "read":
      return { did: "read", gone: false };
    default:
      return null;
  }
}

function kindOf(action: Action): string {
  switch (action.do) {
    case "put":
      return `put ${action.record.type}`;
    case "remove":
      return `remove ${action.kind}`;
    default:
      return action.do;
  }
}

/** This action and those of its kind that follow it. */
function gather<S>(machine: Machine<S>, start: S, first: Action): Action[] {
  const batch: Action[] = [];
  let [state, action] = [start, first];
  for (;;) {
    batch.push(action);
    const answer = expected(action);
    if (answer === null || batch.length === BATCH) return batch;
    state = machine.after(state, answer);
    action = machine.next(state);
    if (kindOf(action) !== kindOf(first)) return batch;
  }
}

function same(a: Action, b: Action | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
