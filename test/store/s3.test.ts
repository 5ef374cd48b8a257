/** The S3 store on two real servers: the contract, and what only a server can show. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe } from "vitest";
import { storeContract } from "../contract/store.ts";
import { type S3Server, SERVERS, startServer, suite } from "../support/s3server.ts";

for (const kind of SERVERS) {
  const { name, skip } = suite(kind);
  describe.skipIf(skip)(name, () => {
    let server: S3Server;
    beforeAll(async () => {
      server = await startServer(kind);
      await server.makeBucket("holdall");
    }, 60_000);
    afterAll(() => server?.[Symbol.dispose]());

    storeContract("s3", async () => {
      const store = server.store(`s3://holdall/${randomBytes(4).toString("hex")}`);
      return { store, [Symbol.dispose]() {} };
    });
  });
}
