/**
 * Retention, where a store locks what is put: what a new snapshot may rely on stays locked for as
 * long as what was put with it. Without the keys nothing can be read, so they are kept, too.
 *
 * Every pack that a writer trusts is extended, needed or not: to tell them apart costs more
 * requests than it saves. A condemned pack is not trusted, so its lock runs out.
 */
import type { Runtime } from "../base/runtime.ts";
import type { Listed } from "../store/store.ts";
import type { Repository } from "./repository.ts";

/** Resolves when all of it is locked long enough; asks only for what is not known to be. */
export async function retain(
  runtime: Runtime,
  repository: Repository,
  packs: readonly Listed[],
): Promise<void> {
  const { retention } = repository.store;
  if (retention === undefined) return;
  const keys: Listed[] = [];
  for (const kind of ["slot", "config", "key"] as const)
    keys.push(...(await repository.list(kind)));
  const names = [...keys, ...packs].map(({ name }) => name);
  const { cache } = repository;
  const known = (await cache?.locks()) ?? new Map<string, number>();
  const enough = runtime.clock.now() + retention.promised;
  const due = names.filter((name) => (known.get(name) ?? 0) < enough);
  if (due.length === 0) return;
  const until = await retention.extend(due, runtime.signal);
  const held = names.map((name) => [name, known.get(name) ?? 0] as const);
  const kept = new Map([...held, ...due.map((name) => [name, until] as const)]);
  await cache?.keepLocks(kept, runtime.random(8));
}
