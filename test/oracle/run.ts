/** Index runs: decoded whole, to be compared with what packs' contents say. */
import { Layout, limit } from "./document.ts";
import { BLOCK, type Block, blockRow, expand } from "./pack.ts";

export const RUN = new Layout("run");
export const PACK_ROW = new Layout("pack row");

export interface IndexRow {
  readonly id: string;
  /** Pack's bare name and stored length. */
  readonly pack: string;
  readonly stored: number;
  readonly block: Block;
  readonly offset: number;
  readonly length: number;
}

export function indexRun(content: Buffer): IndexRow[] {
  const size = content.readUInt32LE(0);
  if (size > limit("plaintext bytes of an index run") || size < RUN.size)
    throw new Error("run of an impossible length");
  return runRows(expand(content.subarray(4), size));
}

export function runRows(data: Buffer): IndexRow[] {
  const [np, nb, nr] = ["packs", "blocks", "rows"].map((f) => RUN.number(data, f)) as [
    number,
    number,
    number,
  ];
  const blocksAt = RUN.size + np * PACK_ROW.size;
  const ids = blocksAt + nb * (4 + BLOCK.size);
  const columns = ids + nr * 32;
  if (data.length !== columns + nr * 12) throw new Error("sizes do not add up");
  const packs = Array.from({ length: np }, (_, i) => {
    const at = RUN.size + i * PACK_ROW.size;
    const hex = (f: string) => PACK_ROW.bytes(data, f, at).toString("hex");
    return {
      name: `${hex("hash")}-${hex("upload id")}`,
      stored: PACK_ROW.number(data, "stored length", at),
    };
  });
  const blocks = Array.from({ length: nb }, (_, i) => {
    const at = blocksAt + i * (4 + BLOCK.size);
    const pack = packs[data.readUInt32LE(at)];
    if (pack === undefined) throw new Error("block of no pack");
    return { pack, row: blockRow(data, at + 4) };
  });
  let last = "";
  return Array.from({ length: nr }, (_, i) => {
    const id = data.subarray(ids + i * 32, ids + i * 32 + 32).toString("hex");
    const column = (c: number) => data.readUInt32LE(columns + (c * nr + i) * 4);
    const block = blocks[column(0)];
    const [offset, length] = [column(1), column(2)];
    if (id < last) throw new Error("rows out of order");
    last = id;
    if (block === undefined) throw new Error("row of no block");
    if (offset + length > block.row.plain) throw new Error("row outside its block");
    return {
      id,
      pack: block.pack.name,
      stored: block.pack.stored,
      block: block.row,
      offset,
      length,
    };
  });
}
