/** What calls of a store came to. */
import { expect } from "vitest";
import type { Failure, Store } from "../../src/index.ts";

/** The failure that an act must end with. */
export async function failure(act: Promise<unknown>): Promise<Failure> {
  const [outcome] = await Promise.allSettled([act]);
  if (outcome.status === "fulfilled") return expect.unreachable("it did not fail");
  return outcome.reason as Failure;
}

/** The names of all objects below a prefix. */
export async function all(store: Store, prefix: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of store.list(prefix)) names.push(name);
  return names;
}
