/**
 * Decides, from a seed, whose store call takes effect next: everybody else waits, for as long as
 * the seed says. Nothing is decided before nothing moves any more, so a schedule depends on store
 * calls alone, and the same seed gives the same trace.
 *
 * Who goes on has the highest priority; priorities change now and then, so that some schedules
 * switch at every call and in others somebody sleeps until all others are over.
 */
import { createHash } from "node:crypto";
import { Failure } from "../../src/index.ts";
import type { Chance } from "../support/chance.ts";
import type { Quiet } from "./quiet.ts";

/** A call that waits for its turn. */
export interface Ask {
  readonly what: string;
  /**
   * Takes effect on the store, as a whole, before anything else happens; gives what the caller is
   * answered.
   */
  effect(): unknown;
  /** Only what changes the store may be in doubt, or arrive after its sender's death. */
  readonly changes: boolean;
  /** It is about what opens a repository, and never changes here. */
  readonly opens: boolean;
}

interface Waiting extends Ask {
  answer(value: unknown): void;
  refuse(error: Error): void;
}

export interface Actor {
  readonly name: string;
  /** Its calls that open the repository wait, too. */
  readonly careful: boolean;
  readonly abort: AbortController;
  priority: number;
  /** After so many calls, or listings, it sleeps until all others are over or sleep, too. */
  nap: number;
  readonly naps: RegExp;
  state: "waiting to start" | "alive" | "dead" | "over";
  readonly asks: Waiting[];
  start(): void;
}

/** How rough the world is: probabilities at each call, and how often at most. */
export interface Weather {
  readonly change: number;
  readonly kill: number;
  readonly doubt: number;
  readonly kills: number;
  /** One listing of snapshots that comes back short, if there is one. */
  readonly short: number;
}

export class Cut extends Error {}

export class Scheduler {
  readonly chance: Chance;
  readonly log: string[] = [];
  steps = 0;
  private readonly quiet: Quiet;
  private readonly weather: Weather;
  private readonly actors: Actor[] = [];
  /** Effects of calls whose sender was never answered: each arrives at some time, or never. */
  private readonly late: Ask[] = [];
  private readonly trace = createHash("sha256");
  private kills = 0;
  private passing = 0;
  private shortened = false;

  constructor(chance: Chance, weather: Weather, quiet: Quiet) {
    this.chance = chance;
    this.weather = weather;
    this.quiet = quiet;
  }

  /** An actor; it starts when it is first chosen. `killed` tells what comes after its death. */
  add(name: string, act: (actor: Actor) => Promise<void>, killed: () => void): void {
    const actor: Actor = {
      name,
      careful: this.chance.odds(0.1),
      abort: new AbortController(),
      priority: this.chance.below(1 << 20),
      ...this.rest(),
      state: "waiting to start",
      asks: [],
      start: () => {
        actor.state = "alive";
        act(actor).then(
          () => {
            if (actor.state === "alive") actor.state = "over";
          },
          (error: unknown) => {
            if (actor.state === "alive") {
              actor.state = "over";
              this.failures.push({ actor: name, error });
            }
          },
        );
      },
    };
    this.actors.push(actor);
    this.successors.set(actor, killed);
  }

  readonly failures: { actor: string; error: unknown }[] = [];
  private readonly successors = new Map<Actor, () => void>();

  /** Waits until the seed lets this call through. */
  async ask(actor: Actor, ask: Ask): Promise<unknown> {
    if (actor.state === "dead") throw new Cut("a dead process calls nobody");
    if (!actor.careful && ask.opens) return this.pass(ask);
    return new Promise((answer, refuse) => {
      actor.asks.push({ ...ask, answer, refuse });
    });
  }

  /** A call that waits for nobody, but that everybody waits for. */
  private async pass({ effect }: Ask): Promise<unknown> {
    this.passing++;
    try {
      return await effect();
    } finally {
      this.passing--;
    }
  }

  /** Until everybody is over or dead. `between` is told of each moment at which all wait. */
  async run(between: () => Promise<void>): Promise<void> {
    let last: object = this;
    for (;;) {
      do await this.quiet.wait(last);
      while (this.passing > 0);
      await between();
      if (await this.land()) continue;
      const actor = this.next();
      if (actor === undefined) break;
      this.steps++;
      last = actor;
      if (actor.state === "waiting to start") await this.say(actor, "starts", actor.start);
      else await this.go(actor);
    }
    for (const ask of this.late.splice(0)) {
      if (this.chance.odds(0.5)) await this.arrive(`${ask.what} arrives at last`, ask);
    }
  }

  /** Whether this listing lacks one object; it happens once. */
  shortens(what: string): boolean {
    if (this.shortened || !this.chance.odds(this.weather.short)) return false;
    this.shortened = true;
    this.note(`${what} comes back short`);
    return true;
  }

  digest(): string {
    return this.trace.digest("hex");
  }

  private note(line: string): void {
    this.trace.update(`${line}\n`);
    this.log.push(line);
  }

  private async say(actor: Actor, what: string, effect: () => unknown): Promise<unknown> {
    this.note(`${actor.name} ${what}`);
    return effect();
  }

  private next(): Actor | undefined {
    const ready = this.actors.filter(
      (a) => a.state === "waiting to start" || (a.state === "alive" && a.asks.length > 0),
    );
    const [first, ...rest] = ready;
    if (first === undefined) return undefined;
    const best = rest.reduce((a, b) => (b.priority > a.priority ? b : a), first);
    if (!this.chance.odds(this.weather.change)) return best;
    // Either it takes its place anew, or it sleeps until all others are over.
    best.priority = this.chance.odds(0.7)
      ? this.chance.below(1 << 20)
      : -this.chance.below(1 << 20);
    return ready.reduce((a, b) => (b.priority > a.priority ? b : a));
  }

  private async land(): Promise<boolean> {
    if (this.late.length === 0 || !this.chance.odds(0.05)) return false;
    const [ask] = this.late.splice(this.chance.below(this.late.length), 1);
    if (ask) await this.arrive(`${ask.what} arrives late`, ask);
    return true;
  }

  /** The store's refusal is lost like any other answer. */
  private async arrive(line: string, ask: Ask): Promise<void> {
    this.note(line);
    try {
      await ask.effect();
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
    }
  }

  /** When it naps: never, at some call, or just after some listing. */
  private rest(): Pick<Actor, "nap" | "naps"> {
    const [naps, most] = this.chance.pick([
      [/./, 60],
      [/ ends$/, 20],
    ] as const);
    return { naps, nap: this.chance.odds(0.7) ? this.chance.below(most) : -1 };
  }

  private async go(actor: Actor): Promise<void> {
    actor.asks.sort((a, b) => (a.what < b.what ? -1 : a.what > b.what ? 1 : 0));
    const [ask] = actor.asks.splice(this.chance.below(actor.asks.length), 1);
    if (ask === undefined) return;
    if (actor.naps.test(ask.what) && actor.nap-- === 0) {
      actor.priority = -this.chance.below(1 << 20);
    }
    const { kill, doubt, kills } = this.weather;
    if (this.kills < kills && this.chance.odds(kill)) {
      await this.end(actor, ask);
      return;
    }
    if (ask.changes && this.chance.odds(doubt)) {
      await this.adrift(actor, ask);
      ask.refuse(new Failure("store_io", "the answer was lost"));
      return;
    }
    try {
      ask.answer(await this.say(actor, ask.what, ask.effect));
    } catch (error) {
      ask.refuse(error as Error);
    }
  }

  /** A call that nobody is answered: it took effect, will, or never does. */
  private async adrift(actor: Actor, ask: Ask): Promise<void> {
    const when = this.chance.pick(["now", "later", "never"] as const);
    const line = `${actor.name} ${ask.what}, unanswered: ${when}`;
    const keep = () => this.late.push({ ...ask, what: `${actor.name} ${ask.what}` });
    const effects = { now: ask.effect, later: keep, never: () => undefined };
    await this.arrive(line, { ...ask, effect: effects[when] });
  }

  private async end(actor: Actor, ask: Waiting): Promise<void> {
    this.kills++;
    this.note(`${actor.name} dies in ${ask.what}`);
    actor.state = "dead";
    const calls = [ask, ...actor.asks.splice(0)];
    for (const call of calls) if (call.changes) await this.adrift(actor, call);
    for (const call of calls) call.refuse(new Cut("killed"));
    actor.abort.abort();
    this.successors.get(actor)?.();
  }
}
