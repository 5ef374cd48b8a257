/**
 * A way to an HTTP server that takes its time and counts: latency without a limit on throughput,
 * requests by their heads, bytes of both directions as they cross the wire.
 *
 * A piece leaves as long after it came as the way is long, whatever else is on the way; the first
 * piece of a connection waits for the handshake, which crosses the way twice.
 */
import { connect, createServer, type Socket } from "node:net";

export interface Counts {
  readonly requests: number;
  /** Bytes of everything, heads included. */
  readonly up: number;
  readonly down: number;
}

export interface Way extends Disposable {
  readonly endpoint: string;
  /** What was counted since the last look. */
  look(): Counts;
}

/** Bytes that one direction of a connection may have on the way: more waits at its source. */
const ON_THE_WAY = 16 << 20;

/** Opens one; `latency` is what a question and its answer take, in milliseconds. */
export async function openWay(target: string, latency: number): Promise<Way> {
  const { hostname, port } = new URL(target);
  const open = new Set<Socket>();
  let [requests, up, down] = [0, 0, 0];
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    const place = { port: Number(port), host: hostname };
    const upstream = connect({ ...place, noDelay: true, allowHalfOpen: true });
    const ends = [client, upstream];
    for (const end of ends) {
      open.add(end);
      end.on("close", () => open.delete(end));
      end.on("error", () => {
        for (const one of ends) one.destroy();
      });
    }
    const count = requestCounter();
    const established = performance.now() + latency;
    carry(client, upstream, latency / 2, established, (piece) => {
      up += piece.length;
      requests += count(piece);
    });
    carry(upstream, client, latency / 2, 0, (piece) => {
      down += piece.length;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    look() {
      const counts = { requests, up, down };
      [requests, up, down] = [0, 0, 0];
      return counts;
    },
    [Symbol.dispose]() {
      server.close();
      for (const end of open) end.destroy();
    },
  };
}

/** Hands on what comes, `delay` later, and not before `established` and a `delay`. */
function carry(
  from: Socket,
  to: Socket,
  delay: number,
  established: number,
  seen: (piece: Buffer) => void,
): void {
  /** What is on the way, with when it arrives; null is the end. */
  const queue: { piece: Buffer | null; due: number }[] = [];
  let [held, timer] = [0, undefined as NodeJS.Timeout | undefined];
  const arrive = () => {
    timer = undefined;
    for (let next = queue[0]; next !== undefined; next = queue[0]) {
      const left = next.due - performance.now();
      if (left > 0) {
        timer = setTimeout(arrive, left);
        return;
      }
      if (to.writableNeedDrain) {
        to.once("drain", arrive);
        return;
      }
      queue.shift();
      if (next.piece === null) {
        to.end();
        return;
      }
      held -= next.piece.length;
      to.write(next.piece);
      if (held < ON_THE_WAY) from.resume();
    }
  };
  const send = (piece: Buffer | null) => {
    queue.push({ piece, due: Math.max(performance.now(), established) + delay });
    if (queue.length === 1 && timer === undefined) arrive();
  };
  from.on("data", (piece: Buffer) => {
    seen(piece);
    held += piece.length;
    if (held >= ON_THE_WAY) from.pause();
    send(piece);
  });
  from.on("end", () => send(null));
  from.on("close", () => {
    if (!from.readableEnded) to.destroy();
  });
  to.on("close", () => clearTimeout(timer));
}

/** Counts the requests of one connection: how many heads end with each piece that goes up. */
export function requestCounter(): (piece: Buffer) => number {
  /** What has come of a head, or of a line of a body in chunks. */
  let text = "";
  /** Bytes of a body, or of a chunk of it, that are still to come. */
  let skip = 0;
  let place: "head" | "chunk" | "trailer" = "head";
  const upTo = (end: string): string | undefined => {
    const at = text.indexOf(end);
    if (at < 0) return undefined;
    const found = text.slice(0, at);
    text = text.slice(at + end.length);
    return found;
  };
  const head = (): boolean => {
    const found = upTo("\r\n\r\n");
    if (found === undefined) return false;
    if (/^transfer-encoding:.*chunked/im.test(found)) place = "chunk";
    else skip = Number(/^content-length: *(\d+)/im.exec(found)?.[1] ?? 0);
    return true;
  };
  /** The length of a chunk, the empty line after it, or a line after the last one. */
  const line = (): boolean => {
    const found = upTo("\r\n");
    if (found === undefined) return false;
    if (place === "trailer") place = found === "" ? "head" : "trailer";
    else if (found !== "") {
      skip = Number.parseInt(found, 16);
      if (skip === 0) place = "trailer";
    }
    return true;
  };
  return (piece) => {
    const passed = Math.min(skip, piece.length);
    skip -= passed;
    text += piece.toString("latin1", passed);
    let requests = 0;
    while (text !== "") {
      const was = place;
      if (!(place === "head" ? head() : line())) break;
      if (was === "head") requests++;
      const rest = Math.min(skip, text.length);
      text = text.slice(rest);
      skip -= rest;
    }
    return requests;
  };
}
