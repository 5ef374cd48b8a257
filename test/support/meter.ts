/** A way to a server that counts what goes up, and acts in the middle of it. */
import { connect, createServer } from "node:net";

export interface Meter extends Disposable {
  readonly endpoint: string;
  /** What to do when so many bytes more went up. */
  after(bytes: number, act: () => void): void;
}

/** Opens one; connections break as their ends do. */
export async function meter(target: string): Promise<Meter> {
  const { hostname, port } = new URL(target);
  let left = Number.POSITIVE_INFINITY;
  let act: () => void = () => undefined;
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    for (const socket of [client, upstream]) socket.on("error", () => undefined);
    client.on("data", (bytes: Buffer) => {
      left -= bytes.length;
      if (left <= 0) {
        left = Number.POSITIVE_INFINITY;
        act();
      }
      if (!upstream.write(bytes)) client.pause();
    });
    upstream.on("drain", () => client.resume());
    upstream.pipe(client);
    client.on("close", () => upstream.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    after(bytes, then) {
      [left, act] = [bytes, then];
    },
    [Symbol.dispose]: () => server.close(),
  };
}
