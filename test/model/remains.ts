/** What tombstones and condemned lists still say, once some of what they name is gone. */
import { CONDEMNED, PACK, SNAPSHOT, TOMBSTONE, type World } from "./world.ts";

/** What a condemned list names, as bits, and the numbers of its contents with less. */
interface List {
  readonly packs: number;
  readonly tombstones: number;
  readonly less: Map<number, number>;
}

export class Remains {
  private readonly world: World;
  private readonly buried = new Map<number, number>();
  private readonly lists: List[] = [];

  constructor(world: World) {
    this.world = world;
  }

  private bit(kind: number, name: string): number {
    const slots = this.world.slots[kind]?.values ?? [];
    return 1 << slots.findIndex((slot) => slot.name === name);
  }

  private bits(kind: number, names: readonly string[]): number {
    return names.reduce((mask, name) => mask | this.bit(kind, name), 0);
  }

  /** Snapshots that these tombstones name. */
  forgotten(tombstones: number): number {
    const old = this.buried.get(tombstones);
    if (old !== undefined) return old;
    const slots = this.world.slots[TOMBSTONE]?.values ?? [];
    const names = slots.flatMap(({ record }, i) =>
      (tombstones >> i) & 1 && record.type === "tombstone" ? [record.snapshot] : [],
    );
    const mask = this.bits(SNAPSHOT, names);
    this.buried.set(tombstones, mask);
    return mask;
  }

  private text(content: number): string {
    return this.world.texts[CONDEMNED]?.values[content] ?? "";
  }

  /** A condemned list's content without these packs, and without honouring these tombstones. */
  stripped(content: number, packs: number, snapshots: number): number {
    let known = this.lists[content];
    if (known === undefined) {
      const list = JSON.parse(this.text(content));
      const [named, honoured] = [this.bits(PACK, list.packs), this.bits(SNAPSHOT, list.tombstones)];
      known = { packs: named, tombstones: honoured, less: new Map() };
      this.lists[content] = known;
    }
    const [noPacks, noTombstones] = [known.packs & packs, known.tombstones & snapshots];
    if ((noPacks | noTombstones) === 0) return content;
    const key = noPacks * 2 ** 31 + noTombstones;
    const old = known.less.get(key);
    if (old !== undefined) return old;
    const list = JSON.parse(this.text(content));
    const left = (kind: number, none: number, names: readonly string[]) =>
      names.filter((name) => !(this.bit(kind, name) & none));
    list.packs = left(PACK, noPacks, list.packs);
    list.tombstones = left(SNAPSHOT, noTombstones, list.tombstones);
    const text = JSON.stringify(list);
    const number = this.world.texts[CONDEMNED]?.of(text, () => text) ?? 0;
    known.less.set(key, number);
    return number;
  }
}
