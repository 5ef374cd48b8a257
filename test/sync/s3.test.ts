/**
 * Sync between buckets, on two real servers and our own fake: what every sync does, and what one
 * more asks for. Forty times with `HOLDALL_SLOW=1`.
 */
import { steadyContract } from "../contract/steady.ts";
import { syncContract } from "../contract/sync.ts";
import { onBuckets } from "../support/buckets.ts";

const TIMES = process.env.HOLDALL_SLOW === "1" ? 40 : 4;

onBuckets((far) => {
  syncContract("buckets", () => ({
    here: far().store(far().fresh()),
    there: far().store(far().fresh()),
  }));

  steadyContract("buckets", (traffic) => far().store(far().fresh(), { traffic }), TIMES, true);
});
