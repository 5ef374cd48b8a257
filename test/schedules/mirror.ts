/**
 * The objects of one world in memory; and, where it lies afar, the same calls made there, too, each
 * of which has to be answered as memory answers it.
 *
 * Two answers of a bucket are its own, and both are right: the same bytes put again are no failure,
 * and of a pack that somebody else removed a process may still have what it read before.
 */
import {
  type DeletionProof,
  Failure,
  openMemoryStore,
  type Range,
  type Store,
  toFailure,
} from "../../src/index.ts";

/** The objects of one world, and the listings that are under way. */
export interface Shelf {
  readonly objects: Map<string, Buffer>;
  readonly open: Set<Map<string, number>>;
  /** What was removed. */
  readonly gone: Map<string, Buffer>;
  /** A client of its own for each process, where the world lies afar. */
  readonly far?: (() => Store) | undefined;
}

/** A world that begins with these objects. */
export async function shelf(
  objects: ReadonlyMap<string, Buffer>,
  far: (() => Store) | undefined,
): Promise<Shelf> {
  const store = far?.();
  if (store) for (const [name, bytes] of objects) await store.put(name, bytes);
  return { objects: new Map(objects), open: new Set(), gone: new Map(), far };
}

/** Tells listings under way of an object that comes or goes. */
function disturb({ open }: Shelf, name: string, length: number): void {
  for (const changed of open) changed.set(name, length);
}

const codeOf = (act: Promise<unknown>): Promise<string> =>
  act.then(
    () => "done",
    (error: unknown) => toFailure(error).code,
  );

export async function place(
  own: Shelf,
  far: Store | undefined,
  name: string,
  bytes: Buffer,
): Promise<void> {
  const before = own.objects.get(name);
  if (far) {
    const wanted = before === undefined || before.equals(bytes) ? "done" : "object_exists";
    const said = await codeOf(far.put(name, bytes));
    if (said !== wanted) throw new Error(`put ${name}: ${said} afar, and not ${wanted}`);
    if (before?.equals(bytes)) return;
  }
  if (before !== undefined) throw new Failure("object_exists", `${name}: exists already`);
  own.objects.set(name, bytes);
  disturb(own, name, bytes.length);
}

export async function take(
  own: Shelf,
  far: Store | undefined,
  name: string,
  proof: DeletionProof,
): Promise<void> {
  await far?.remove(name, proof);
  const found = own.objects.get(name);
  if (found === undefined) return;
  own.objects.delete(name);
  own.gone.set(name, found);
  disturb(own, name, found.length);
}

export async function read(
  own: Shelf,
  far: Store | undefined,
  name: string,
  range: Range | undefined,
): Promise<Buffer> {
  const wanted = openMemoryStore(own.objects).get(name, range);
  if (!far) return wanted;
  const [here, there] = await Promise.allSettled([wanted, far.get(name, range)]);
  if (there.status === "rejected") {
    const said = toFailure(there.reason).code;
    if (here.status === "rejected" && toFailure(here.reason).code === said) throw there.reason;
    throw new Error(`get ${name}: ${said} afar, and not ${here.status}`);
  }
  const before = range === undefined ? undefined : own.gone.get(name);
  const kept = before?.subarray(range?.offset, (range?.offset ?? 0) + (range?.length ?? 0));
  const right = here.status === "fulfilled" ? here.value : kept;
  if (right?.equals(there.value)) return there.value;
  throw new Error(`get ${name}: other bytes afar, or what is not there`);
}

/** Every object of a folder is listed afar, and nothing else. */
export async function agrees(own: Shelf, far: Store | undefined, prefix: string): Promise<void> {
  if (!far) return;
  const there: string[] = [];
  for await (const { name, length } of far.list(prefix)) there.push(`${name} ${length}`);
  const here = [...own.objects].filter(([name]) => name.startsWith(prefix));
  const wanted = here.map(([name, { length }]) => `${name} ${length}`);
  if (there.sort().join() !== wanted.sort().join()) {
    throw new Error(`list ${prefix}: ${there.length} objects afar, and not ${wanted.length}`);
  }
}

/** When all is over: what lies afar is what lies here, byte for byte. */
export async function compare(own: Shelf): Promise<void> {
  const store = own.far?.();
  if (!store) return;
  await agrees(own, store, "");
  for (const [name, bytes] of own.objects) {
    if (!(await store.get(name)).equals(bytes)) throw new Error(`${name}: other bytes afar`);
  }
}
