/** Our own fake in a process of its own, for tests that block theirs; it says where it listens. */
import { startFake } from "./fake_s3.ts";

const { endpoint } = await startFake();
process.stdout.write(`${endpoint}\n`);
