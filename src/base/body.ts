/** Bytes that are to be stored: at hand, or kept elsewhere and read piece by piece. */

export interface Spooled {
  readonly length: number;
  /** So many bytes from an offset on, in order; each piece is valid until the next is asked for. */
  pieces(offset: number, length: number): AsyncIterable<Uint8Array>;
}

export type Body = Uint8Array | Spooled;

/** The pieces of a body: one, of bytes that are at hand. */
export function piecesOf(body: Body): AsyncIterable<Uint8Array> | Iterable<Uint8Array> {
  return body instanceof Uint8Array ? [body] : body.pieces(0, body.length);
}

/** What lies from one offset to another, or to the end; nothing is read before it is wanted. */
export function partOf(body: Body, from: number, to: number): Body {
  if (body instanceof Uint8Array) return body.subarray(from, to);
  const length = Math.max(0, Math.min(to, body.length) - from);
  return { length, pieces: (offset, some) => body.pieces(from + offset, some) };
}

/** A copy of all of a body in memory. */
export async function bytesOf(body: Body): Promise<Buffer> {
  if (body instanceof Uint8Array) return Buffer.from(body);
  const parts: Uint8Array[] = [];
  for await (const piece of body.pieces(0, body.length)) parts.push(Buffer.from(piece));
  return Buffer.concat(parts);
}

/** Compared at once, where one side has to be asked for its bytes. */
const TOGETHER = 16 << 20;

/** Whether `get` gives, range by range, what the body has. */
export async function isAlike(
  body: Body,
  get: (offset: number, length: number) => Promise<Buffer>,
): Promise<boolean> {
  for (let at = 0; at < body.length; at += TOGETHER) {
    const part = partOf(body, at, at + TOGETHER);
    const there = await get(at, part.length);
    if (there.length !== part.length) return false;
    let done = 0;
    for await (const piece of piecesOf(part)) {
      if (!there.subarray(done, done + piece.length).equals(piece)) return false;
      done += piece.length;
    }
  }
  return true;
}
