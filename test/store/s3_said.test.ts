/** What goes wrong with real servers, and how it is said. */
import { randomBytes } from "node:crypto";
import { inspect } from "node:util";
import { expect, it } from "vitest";
import { systemRuntime } from "../../src/index.ts";
import type { S3Options } from "../../src/store/s3/open.ts";
import { all, failure } from "../support/outcome.ts";
import { fresh, onServers, SECRET } from "../support/s3server.ts";

onServers((server) => {
  it("says in one line who is wrong, and never a secret", async () => {
    const token = "a-token-that-nobody-may-see";
    const wrong = "wrong-secret-wrong-secret";
    const events: unknown[] = [];
    const runtime = systemRuntime({ emit: (event) => events.push(event) });
    const hour = { ...runtime.clock, now: () => Date.now() - 3_600_000 };
    const tried: [string, RegExp, string, S3Options][] = [
      ["credentials", /secret/, fresh(), { settings: { secretAccessKey: wrong } }],
      ["credentials", /access key/, fresh(), { settings: { accessKeyId: "NOBODYKNOWSTHIS00000" } }],
      ["credentials", /./, fresh(), { settings: { sessionToken: token } }],
      ["no_repository", /no such bucket/, "s3://nowhere/x", {}],
      ["clock_off", /60 minutes behind/, fresh(), { runtime: { ...runtime, clock: hour } }],
      ["store_place", /us-east-1.*AWS_REGION/, fresh(), { settings: { region: "mars-1" } }],
    ];
    for (const [code, says, address, options] of tried) {
      const store = server().open(address, { runtime, ...options });
      for (const act of [() => all(store, "slots/"), () => store.put("slots/x", randomBytes(9))]) {
        const found = await failure(act());
        expect(found, String(says)).toMatchObject({ code, retryable: false });
        expect(found.message).toMatch(says);
        expect(found.message).toContain(address);
        expect(found.message).not.toContain("\n");
        const everything = inspect([found, found.stack, events], { depth: 20 });
        for (const secret of [SECRET, wrong, token, "Signature="]) {
          expect(everything).not.toContain(secret);
        }
      }
    }
  }, 60_000);
});
