/** One question to a Unix socket: bytes sent, and the answer until it is whole. */
import { closeSync, constants, openSync } from "node:fs";
import { createConnection } from "node:net";
import { basename, dirname } from "node:path";
import { Failure } from "../../base/failure.ts";

/** An answer longer than this is none that a step asks for. */
const LONGEST = 1 << 24;

/** A name of a socket that is short enough for an address, whatever its folder's is. */
export function shortName(path: string): { path: string } & Disposable {
  if (Buffer.byteLength(path) < 100) return { path, [Symbol.dispose]: () => undefined };
  const fd = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  const name = `/proc/self/fd/${fd}/${basename(path)}`;
  return { path: name, [Symbol.dispose]: () => closeSync(fd) };
}

/** A conversation: what to send first, and what to make of each answer so far. */
export interface Talk<T> {
  readonly send: Buffer;
  /** The result, further bytes to send, or nothing while the answer is not whole. */
  take(answer: Buffer): { result: T } | { send: Buffer } | null;
}

/** Holds it over a connection of its own, closed at the end. Fails with `not_still`. */
export async function converse<T>(path: string, talk: Talk<T>, timeout: number): Promise<T> {
  using name = shortName(path);
  return await new Promise((resolve, reject) => {
    const socket = createConnection(name.path);
    let answer: Buffer = Buffer.alloc(0);
    const end = (act: () => void) => {
      socket.removeAllListeners();
      socket.on("error", () => undefined);
      socket.destroy();
      act();
    };
    const fail = (why: string) => end(() => reject(new Failure("not_still", `${path}: ${why}`)));
    const look = () => {
      try {
        const next = talk.take(answer);
        if (next === null) return;
        if ("result" in next) return end(() => resolve(next.result));
        answer = Buffer.alloc(0);
        socket.write(next.send);
      } catch (error) {
        fail((error as Error).message);
      }
    };
    socket.setTimeout(Math.max(timeout, 1), () => fail(`no answer within ${timeout} ms`));
    socket.on("error", (error) => fail(error.message));
    socket.on("close", () => fail("the connection ended before the answer"));
    socket.on("connect", () => socket.write(talk.send));
    socket.on("data", (part: Buffer) => {
      answer = Buffer.concat([answer, part]);
      if (answer.length > LONGEST) fail("an answer without end");
      else look();
    });
  });
}
