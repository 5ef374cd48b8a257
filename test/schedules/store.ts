/**
 * The memory store, every call of which waits for its turn; or a store afar whose every call does,
 * and whose every answer has to be what the memory store would say (`mirror.ts`).
 *
 * A listing begins and ends: what was there all the time is in it, what was put or removed in
 * between is in it or not, each object as the seed says. Its order is the seed's.
 */
import { bytesOf, type Listed, type Store } from "../../src/index.ts";
import { agrees, place, read, type Shelf, take } from "./mirror.ts";
import type { Actor, Scheduler } from "./scheduler.ts";

const PRUNING = /^(prune|condemner)/;
const OPENS = /^(get|list) (slots|config|keys)\//;

export function scheduledStore(
  own: Shelf,
  scheduler: Scheduler,
  actor: Actor,
  placed: (name: string) => void,
): Store {
  const far = own.far?.();
  const ask = (what: string, changes: boolean, effect: () => unknown) =>
    scheduler.ask(actor, { what, changes, opens: OPENS.test(what), effect });
  const merge = (prefix: string, begun: Map<string, Buffer>, changed: Map<string, number>) => {
    const found: Listed[] = [];
    for (const [name, { length }] of begun) {
      if (name.startsWith(prefix) && !changed.has(name)) found.push({ name, length });
    }
    for (const [name, length] of changed) {
      if (name.startsWith(prefix) && scheduler.chance.odds(0.5)) found.push({ name, length });
    }
    const keyed = found.map((object) => ({ object, at: scheduler.chance.below(1 << 30) }));
    const sorted = keyed.sort((a, b) => a.at - b.at).map(({ object }) => object);
    // The one listing that the protocol allows to be short is of snapshots, and a sweep's.
    const short = PRUNING.test(actor.name) && prefix === "snapshots/" && found.length > 0;
    if (short && scheduler.shortens(`${actor.name} list ${prefix}`)) sorted.pop();
    return sorted;
  };
  return {
    description: "schedule",
    folder: null,
    async put(name, bytes) {
      const copy = await bytesOf(bytes);
      await ask(`put ${name}`, true, async () => {
        await place(own, far, name, copy);
        placed(name);
      });
      return { durable: name };
    },
    async get(name, range) {
      const at = range ? ` ${range.offset}+${range.length}` : "";
      return (await ask(`get ${name}${at}`, false, () => read(own, far, name, range))) as Buffer;
    },
    async *list(prefix) {
      let begun = new Map<string, Buffer>();
      const changed = new Map<string, number>();
      await ask(`list ${prefix}`, false, async () => {
        await agrees(own, far, prefix);
        begun = new Map(own.objects);
        own.open.add(changed);
      });
      const end = async () => {
        await agrees(own, far, prefix);
        own.open.delete(changed);
        return merge(prefix, begun, changed);
      };
      yield* (await ask(`list ${prefix} ends`, false, end)) as Listed[];
    },
    async remove(name, proof) {
      await ask(`remove ${name}`, true, () => take(own, far, name, proof));
    },
    async [Symbol.asyncDispose]() {},
  };
}
