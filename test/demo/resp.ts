/** The Redis protocol over a Unix socket, one command at a time; errors reject. */
import { createConnection, type Socket } from "node:net";
import { basename, dirname } from "node:path";
import { shortFolder } from "./socket.ts";

export type Reply = string | number | null | Reply[];

/** A reply that is an error: kept apart until its place in an array is known. */
class Refused extends Error {}

/** Reads one reply; null while its end has not come. */
function parse(bytes: Buffer, at: number): { value: Reply | Refused; end: number } | null {
  const line = bytes.indexOf("\r\n", at);
  if (line < 0) return null;
  const [kind, rest] = [String.fromCharCode(bytes[at] ?? 0), bytes.toString("utf8", at + 1, line)];
  const after = line + 2;
  if (kind === "+") return { value: rest, end: after };
  if (kind === "-") return { value: new Refused(rest), end: after };
  if (kind === ":") return { value: Number(rest), end: after };
  const length = Number(rest);
  if (kind === "$") {
    if (length < 0) return { value: null, end: after };
    const end = after + length;
    if (bytes.length < end + 2) return null;
    return { value: bytes.toString("utf8", after, end), end: end + 2 };
  }
  if (kind !== "*") throw new Error(`no reply begins with ${JSON.stringify(kind)}`);
  if (length < 0) return { value: null, end: after };
  const values: Reply[] = [];
  let end = after;
  for (let i = 0; i < length; i++) {
    const one = parse(bytes, end);
    if (one === null) return null;
    if (one.value instanceof Refused) return one;
    values.push(one.value);
    end = one.end;
  }
  return { value: values, end };
}

export interface Resp extends Disposable {
  send(...words: string[]): Promise<Reply>;
}

interface Waiting {
  readonly done: (reply: Reply) => void;
  readonly fail: (error: Error) => void;
}

/** Gives replies to who waits for them, in the order in which they were asked for. */
function listen(socket: Socket, waiting: Waiting[]): void {
  let left: Buffer = Buffer.alloc(0);
  socket.on("data", (piece: Buffer) => {
    left = Buffer.concat([left, piece]);
    for (let one = parse(left, 0); one !== null; one = parse(left, 0)) {
      left = left.subarray(one.end);
      const next = waiting.shift();
      if (one.value instanceof Refused) next?.fail(one.value);
      else next?.done(one.value);
    }
  });
  const end = (error?: Error) => {
    for (const { fail } of waiting.splice(0)) fail(error ?? new Error("the connection ended"));
  };
  socket.on("error", end);
  socket.on("close", () => end());
}

export async function resp(path: string): Promise<Resp> {
  using folder = shortFolder(dirname(path));
  const socket = createConnection(`${folder.path}/${basename(path)}`);
  await new Promise<void>((done, fail) => {
    socket.once("connect", done);
    socket.once("error", fail);
  });
  const waiting: Waiting[] = [];
  listen(socket, waiting);
  return {
    send: (...words) =>
      new Promise((done, fail) => {
        if (socket.destroyed) return fail(new Error("the connection ended"));
        waiting.push({ done, fail });
        const parts = words.map((w) => `$${Buffer.byteLength(w)}\r\n${w}\r\n`);
        socket.write(`*${words.length}\r\n${parts.join("")}`);
      }),
    [Symbol.dispose]: () => socket.destroy(),
  };
}
