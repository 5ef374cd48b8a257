/**
 * The memory store, every call of which waits for its turn.
 *
 * A listing begins and ends: what was there all the time is in it, what was put or removed in
 * between is in it or not, each object as the seed says. Its order is the seed's.
 */
import { bytesOf, Failure, type Listed, openMemoryStore, type Store } from "../../src/index.ts";
import type { Actor, Scheduler } from "./scheduler.ts";

/** The objects of one world, and the listings that are under way. */
export interface Shelf {
  readonly objects: Map<string, Buffer>;
  readonly open: Set<Map<string, number>>;
}

export function shelf(objects: ReadonlyMap<string, Buffer>): Shelf {
  return { objects: new Map(objects), open: new Set() };
}

/** Tells listings under way of an object that comes or goes. */
function disturb({ open }: Shelf, name: string, length: number): void {
  for (const changed of open) changed.set(name, length);
}

function place({ objects, open }: Shelf, name: string, bytes: Buffer): void {
  if (objects.has(name)) throw new Failure("object_exists", `${name}: exists already`);
  objects.set(name, bytes);
  disturb({ objects, open }, name, bytes.length);
}

function take(own: Shelf, name: string): void {
  const found = own.objects.get(name);
  if (found === undefined) return;
  own.objects.delete(name);
  disturb(own, name, found.length);
}

const PRUNING = /^(prune|condemner)/;
const OPENS = /^(get|list) (slots|config|keys)\//;

export function scheduledStore(
  own: Shelf,
  scheduler: Scheduler,
  actor: Actor,
  placed: (name: string) => void,
): Store {
  const inner = openMemoryStore(own.objects);
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
      await ask(`put ${name}`, true, () => {
        place(own, name, copy);
        placed(name);
      });
      return { durable: name };
    },
    async get(name, range) {
      const at = range ? ` ${range.offset}+${range.length}` : "";
      await ask(`get ${name}${at}`, false, () => undefined);
      return inner.get(name, range);
    },
    async *list(prefix) {
      let begun = new Map<string, Buffer>();
      const changed = new Map<string, number>();
      await ask(`list ${prefix}`, false, () => {
        begun = new Map(own.objects);
        own.open.add(changed);
      });
      const end = () => {
        own.open.delete(changed);
        return merge(prefix, begun, changed);
      };
      yield* (await ask(`list ${prefix} ends`, false, end)) as Listed[];
    },
    async remove(name) {
      await ask(`remove ${name}`, true, () => take(own, name));
    },
    async [Symbol.asyncDispose]() {},
  };
}
