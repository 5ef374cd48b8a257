/**
 * Large packs on a disk until a store has them: files without a name, read through windows of
 * memory that are kept and lent again, so that what a pack takes does not grow with it.
 */
import { read } from "node:fs";
import { promisify } from "node:util";
import type { Spooled } from "../base/body.ts";
import { Failure } from "../base/failure.ts";
import { native } from "./native.ts";

/** Bytes of a window, page-aligned. */
const WINDOW = 4 << 20;
const idle: Buffer[] = [];
const readAt = promisify(read);

/** So many bytes of an open file; it has to stay open as long as this is used. */
export function spooled(file: number, length: number): Spooled {
  return {
    length,
    async *pieces(offset, length) {
      const window = idle.pop() ?? native.pages(WINDOW);
      try {
        for (let at = offset, left = length; left > 0; ) {
          const piece = window.subarray(0, Math.min(left, WINDOW));
          await fill(file, piece, at);
          yield piece;
          at += piece.length;
          left -= piece.length;
        }
      } finally {
        idle.push(window);
      }
    },
  };
}

async function fill(file: number, piece: Buffer, at: number): Promise<void> {
  for (let done = 0; done < piece.length; ) {
    const { bytesRead } = await readAt(file, piece, done, piece.length - done, at + done);
    if (bytesRead === 0) throw new Failure("source_io", "a spooled pack is cut short");
    done += bytesRead;
  }
}

/** A pack that is taken in piece by piece; it goes when it is disposed of. */
export class Spool implements Disposable {
  private readonly folder: Buffer;
  private own: InstanceType<typeof native.Spool>;

  constructor(folder: Buffer) {
    this.folder = folder;
    this.own = new native.Spool(folder);
  }

  /** Forgets what was appended. */
  restart(): void {
    this.own.close();
    this.own = new native.Spool(this.folder);
  }

  append(bytes: Buffer): void {
    this.own.append(bytes);
  }

  /** BLAKE3 of all that was appended, in hexadecimal. */
  get hash(): string {
    return this.own.hash();
  }

  get body(): Spooled {
    return spooled(this.own.file, this.own.length);
  }

  [Symbol.dispose](): void {
    this.own.close();
  }
}
