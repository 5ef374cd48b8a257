/**
 * A bad way to a server: what passes waits, passes slowly, and connections break in the middle.
 * After how many bytes the nth connection breaks follows from the seed alone.
 */
import { connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { chance } from "./chance.ts";

export interface Weather {
  readonly seed: number;
  /** Milliseconds that each piece waits, each way. */
  readonly delay: number;
  /** Bytes a second of each connection, each way. */
  readonly rate: number;
  /**
   * A connection lives for fewer bytes than this, both ways together; one of four for fewer than a
   * 64th of it.
   */
  readonly life: number;
}

export interface Strait extends Disposable {
  readonly endpoint: string;
  /** How many connections it broke. */
  cuts(): number;
}

/** It listens at an address of this machine: who asks may be elsewhere. */
export async function strait(target: string, weather: Weather, at = "127.0.0.1"): Promise<Strait> {
  const { hostname, port } = new URL(target);
  const { below, odds } = chance(weather.seed);
  const open = new Set<Socket>();
  let cuts = 0;
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    const ends = [client, upstream];
    let left = below(odds(0.25) ? weather.life >> 6 : weather.life);
    const breakOff = () => {
      for (const end of ends) end.destroy();
    };
    const carry = async (from: Socket, to: Socket) => {
      for await (const bytes of from as AsyncIterable<Buffer>) {
        await sleep(weather.delay + (bytes.length / weather.rate) * 1000);
        if (to.destroyed) return;
        to.write(bytes.subarray(0, left));
        left -= bytes.length;
        if (left > 0) continue;
        cuts++;
        // What was written before the break arrives.
        to.end(breakOff);
        return;
      }
      to.end();
    };
    for (const end of ends) {
      open.add(end);
      end.on("error", breakOff);
      end.on("close", () => open.delete(end));
    }
    carry(client, upstream).catch(breakOff);
    carry(upstream, client).catch(breakOff);
  });
  await new Promise<void>((resolve) => server.listen(0, at, resolve));
  return {
    endpoint: `http://${at}:${(server.address() as { port: number }).port}`,
    cuts: () => cuts,
    [Symbol.dispose]() {
      server.close();
      for (const end of open) end.destroy();
    },
  };
}
