/**
 * What was promised: snapshots that a backup acknowledged and that nobody has asked to forget
 * since.
 *
 * Whoever forgets asks first. Retention says afterwards only what it chose, so a tombstone that it
 * puts is what ends a promise; but each of its groups keeps one snapshot at least.
 */

export interface Promised {
  readonly id: string;
  readonly host: string;
  readonly mask: number;
  /** Somebody was asked to forget it, and may have done so. */
  mayGo: boolean;
}

/** One snapshot by its id, or all but so many of each group. */
export type Forgetting = { readonly id: string } | { readonly last: number };

export class Ledger {
  readonly promised = new Map<string, Promised>();
  /** Hosts some snapshot of which a person wanted gone. */
  readonly named = new Set<string>();
  private readonly asked = new Set<Forgetting>();
  /** Whoever forgets may see a snapshot before its writer is told that it is acknowledged. */
  private readonly released = new Set<string>();
  /** How often somebody asked. */
  private times = 0;

  /** The same promises, to be kept elsewhere. */
  copy(): Ledger {
    const other = new Ledger();
    for (const [id, promised] of this.promised) other.promised.set(id, { ...promised });
    for (const host of this.named) other.named.add(host);
    for (const id of this.released) other.released.add(id);
    return other;
  }

  promise(id: string, host: string, mask: number): void {
    this.promised.set(id, { id, host, mask, mayGo: this.released.has(id) });
  }

  ask(forgetting: Forgetting): void {
    this.times++;
    this.asked.add(forgetting);
    if (!("id" in forgetting)) return;
    this.release(forgetting.id);
    const host = this.promised.get(forgetting.id)?.host;
    if (host !== undefined) this.named.add(host);
  }

  /** Not called for a process that died: what it asked for may still happen. */
  over(forgetting: Forgetting): void {
    this.asked.delete(forgetting);
  }

  /** A tombstone was put for this snapshot by retention, or asked for by a person. */
  release(id: string): void {
    this.released.add(id);
    const found = this.promised.get(id);
    if (found !== undefined) found.mayGo = true;
  }

  /** Tells later whether nobody was forgetting anything from now until then. */
  calm(): () => boolean {
    const { times } = this;
    const quiet = this.asked.size === 0;
    return () => quiet && times === this.times;
  }

  /** It was brought back, and is promised again. */
  renew(id: string): void {
    this.released.delete(id);
    const found = this.promised.get(id);
    if (found !== undefined) found.mayGo = false;
  }

  kept(): Promised[] {
    return [...this.promised.values()].filter(({ mayGo }) => !mayGo);
  }
}
