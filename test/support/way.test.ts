/** The way that `bench/offsite.ts` measures over: what it counts is what went over it. */
import { createServer, request } from "node:http";
import { expect, it } from "vitest";
import { openWay, requestCounter } from "../../bench/way.ts";
import { chance } from "./chance.ts";

const put = (body: string, more = "") =>
  `PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n${more}\r\n${body}`;
const get = "GET /b HTTP/1.1\r\nHost: x\r\n\r\n";
const inChunks =
  "PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" +
  `5\r\n${"GET /"}\r\n1a;x=y\r\n${"\r\n".repeat(13)}\r\n0\r\nTrailer: 1\r\n\r\n`;

it("counts requests however they are cut, and none in a body", () => {
  const stream = Buffer.from(
    get + put(get) + get + inChunks + put("", "Expect: 100-continue\r\n") + inChunks + get,
  );
  for (let seed = 0; seed < 200; seed++) {
    const { below } = chance(seed);
    const count = requestCounter();
    let found = 0;
    for (let at = 0; at < stream.length; ) {
      const length = 1 + below(seed % 2 === 0 ? 4 : 200);
      found += count(stream.subarray(at, at + length));
      at += length;
    }
    expect(found, `seed ${seed}`).toBe(7);
  }
});

it("brings every byte, and counts both directions", async () => {
  const [up, down] = [1 << 20, 3 << 20];
  const server = createServer((asked, answer) => {
    asked.resume().on("end", () => answer.end(Buffer.alloc(down)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  using way = await openWay(`http://127.0.0.1:${port}`, 4);
  const ask = () =>
    new Promise<number>((resolve, reject) => {
      const sent = request(way.endpoint, { method: "PUT" }, (said) => {
        let bytes = 0;
        said.on("data", (part: Buffer) => {
          bytes += part.length;
        });
        said.on("end", () => resolve(bytes));
      });
      sent.on("error", reject);
      sent.end(Buffer.alloc(up));
    });
  expect(await Promise.all([ask(), ask()])).toEqual([down, down]);
  const seen = way.look();
  expect(seen.requests).toBe(2);
  for (const [counted, bytes] of [
    [seen.up, up],
    [seen.down, down],
  ] as const) {
    expect(counted).toBeGreaterThanOrEqual(2 * bytes);
    expect(counted).toBeLessThan(2 * bytes + 2000);
  }
  expect(way.look()).toEqual({ requests: 0, up: 0, down: 0 });
  server.closeAllConnections();
  server.close();
});
