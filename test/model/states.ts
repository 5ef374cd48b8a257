/** Rows of integers kept by the million: a set of 64-bit hashes, and rows in blocks. */

const BLOCK = 1 << 14;

/** Two independent 32-bit hashes of the row; the set below keeps both. */
export const hash = { low: 0, high: 0 };

export function hashRow(row: Int32Array): void {
  let a = 0x9e3779b9;
  let b = 0x85ebca6b;
  for (let i = 0; i < row.length; i++) {
    const word = row[i] as number;
    a = Math.imul(a ^ word, 0x2c1b3c6d);
    a ^= a >>> 15;
    b = Math.imul(b + word, 0x297a2d39);
    b ^= (b >>> 13) ^ a;
  }
  a = Math.imul(a ^ (a >>> 16), 0x7feb352d);
  b = Math.imul(b ^ (b >>> 15), 0x846ca68b);
  hash.low = (a ^ (a >>> 13)) >>> 0;
  hash.high = (b ^ (b >>> 16)) >>> 0 || 1;
}

/**
 * States seen, by hash. Two states in n of the same 64 bits would hide one of them: with a hundred
 * million states the odds that this happens at all are 1 in 3,700.
 */
export class Seen {
  private low = new Uint32Array(1 << 16);
  private high = new Uint32Array(1 << 16);
  size = 0;

  /** Adds the hash just made; false when it was there. */
  add(): boolean {
    if (this.size * 4 > this.low.length * 3) this.grow();
    return this.insert(hash.low, hash.high);
  }

  private insert(low: number, high: number): boolean {
    const mask = this.low.length - 1;
    let at = low & mask;
    while (this.high[at] !== 0) {
      if (this.low[at] === low && this.high[at] === high) return false;
      at = (at + 1) & mask;
    }
    this.low[at] = low;
    this.high[at] = high;
    this.size++;
    return true;
  }

  private grow(): void {
    const { low, high } = this;
    this.low = new Uint32Array(low.length * 2);
    this.high = new Uint32Array(low.length * 2);
    this.size = 0;
    for (let i = 0; i < low.length; i++) {
      if (high[i] !== 0) this.insert(low[i] as number, high[i] as number);
    }
  }
}

/** Rows in the order they were added. */
export class Rows {
  private readonly width: number;
  private blocks: Int32Array[] = [];
  length = 0;

  constructor(width: number) {
    this.width = width;
  }

  push(row: Int32Array): void {
    const at = this.length % BLOCK;
    if (at === 0) this.blocks.push(new Int32Array(BLOCK * this.width));
    this.blocks.at(-1)?.set(row, at * this.width);
    this.length++;
  }

  read(i: number, into: Int32Array): void {
    const at = (i % BLOCK) * this.width;
    const block = this.blocks[Math.floor(i / BLOCK)] as Int32Array;
    into.set(block.subarray(at, at + this.width));
  }

  /** Gives back the memory of the blocks before this row. */
  release(i: number): void {
    const block = Math.floor(i / BLOCK) - 1;
    if (block >= 0 && i % BLOCK === 0) this.blocks[block] = new Int32Array(0);
  }
}
