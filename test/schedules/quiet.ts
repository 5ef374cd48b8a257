/**
 * Knows when nothing moves in this process any more: every native job waits for an answer or is
 * over, no file operation is under way, and the event loop has delivered all there was.
 *
 * How that is known: a thread that is seen asleep twice, and was not woken in between, slept at
 * every moment from the first look to the second. All threads are looked at, then counted, then
 * looked at again; so all there were slept when they were counted. Who could wake them then is only
 * this thread. Threads sleep with a time limit in places; one that wakes in vain sleeps on.
 */
import { closeSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { native } from "../../src/seam/native.ts";

const TASKS = "/proc/self/task";

/** The threads that came after those which were there before any job. */
class Threads {
  private readonly idle = new Set(readdirSync(TASKS));
  private readonly known = new Map<string, number>();
  private readonly page = Buffer.alloc(4096);

  /** Whether all of them sleep at some moment of this call. */
  asleep(): boolean {
    if (this.missed()) this.meet();
    const first = this.look();
    return first !== null && !this.missed() && first === this.look();
  }

  private missed(): boolean {
    return statSync(TASKS).nlink - 2 !== this.idle.size + this.known.size;
  }

  private meet(): void {
    const here = new Set(readdirSync(TASKS).filter((id) => !this.idle.has(id)));
    for (const [id, file] of this.known) {
      if (here.has(id)) continue;
      closeSync(file);
      this.known.delete(id);
    }
    for (const id of here) {
      if (this.known.has(id)) continue;
      try {
        this.known.set(id, openSync(`${TASKS}/${id}/status`, "r"));
      } catch {
        // It is over already: the next count tells.
      }
    }
  }

  /** How often each was switched to or away from; null when one is not asleep. */
  private look(): string | null {
    let seen = "";
    for (const [id, file] of this.known) {
      try {
        const length = readSync(file, this.page, 0, this.page.length, 0);
        const status = this.page.toString("latin1", 0, length);
        if (!status.includes("\nState:\tS")) return null;
        seen += status.slice(status.indexOf("voluntary_ctxt_switches"));
      } catch {
        closeSync(file);
        this.known.delete(id);
        return null;
      }
    }
    return seen;
  }
}

export interface Quiet {
  /** Resolves when nothing moves; jobs that have begun since the last time are this owner's. */
  wait(owner: object): Promise<void>;
}

/** Call it when no native job is under way; it counts those that start from now on. */
export function watchJobs(): Quiet {
  const threads = new Threads();
  const live = new Map<object, number>();
  let owner: object = threads;
  let events = 0;
  let hear = (): void => undefined;
  const spoken = () =>
    new Promise<void>((resolve) => {
      hear = resolve;
    });
  const { start } = native;
  const counting: typeof start = (keyring, index, spec, callback) => {
    const own = owner;
    live.set(own, (live.get(own) ?? 0) + 1);
    return start(keyring, index, spec, (event) => {
      events++;
      hear();
      if (event.event === "done") live.set(own, (live.get(own) ?? 0) - 1);
      callback(event);
    });
  };
  Object.assign(native, { start: counting });
  const files = () => process.getActiveResourcesInfo().some((name) => name.startsWith("FS"));
  return {
    async wait(by) {
      owner = by;
      for (;;) {
        // Two turns: what the first delivers may have queued what the second does.
        await turn();
        await turn();
        if (files()) continue;
        const seen = events;
        // Jobs of others slept when they were last waited for, and nobody answered them since.
        if ((live.get(by) ?? 0) > 0 && !threads.asleep()) {
          await Promise.race([spoken(), sleep(1)]);
          continue;
        }
        await turn();
        await turn();
        if (events === seen && !files()) return;
      }
    },
  };
}
