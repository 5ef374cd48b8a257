/**
 * Tries a store as somebody would before trusting it, and says in words what it found.
 *
 * Commit point: none. What is put lies beside a repository's objects under names of its own, and is
 * taken away again where the store lets it be.
 */
import { Failure, toFailure } from "../base/failure.ts";
import { mapBounded } from "../base/map_bounded.ts";
import type { Runtime } from "../base/runtime.ts";
import { probePath } from "../repo/layout.ts";
import { removeObject } from "../repo/removal.ts";
import type { Capabilities, Store } from "../store/store.ts";

export interface Finding {
  /** What was tried. */
  readonly subject: string;
  /** `unfit`: a repository would not be safe there; `limit`: it would, something is less well. */
  readonly verdict: "good" | "limit" | "unfit";
  readonly text: string;
}

export interface DoctorResult {
  readonly findings: readonly Finding[];
  /** Milliseconds of a small read, the mean of 32. */
  readonly latency: number;
  /** Bytes a second, up and down, several objects at once. */
  readonly up: number;
  readonly down: number;
  readonly capabilities: Capabilities | null;
}

const SMALL = 64 << 10;
const LARGE = 4 << 20;
const AT_ONCE = 4;
const READS = 32;

/**
 * Fails with the codes of the store when it cannot keep even one object; everything else that is
 * wrong is a finding.
 */
export async function doctor(runtime: Runtime, store: Store): Promise<DoctorResult> {
  const visit = new Visit(runtime, store);
  try {
    return await visit.all();
  } finally {
    await visit.leave();
  }
}

class Visit {
  private readonly runtime: Runtime;
  private readonly store: Store;
  private readonly findings: Finding[] = [];
  private readonly put = new Map<string, Buffer>();

  constructor(runtime: Runtime, store: Store) {
    this.runtime = runtime;
    this.store = store;
  }

  async all(): Promise<DoctorResult> {
    const name = await this.keep(this.runtime.random(SMALL));
    await this.tried("read back", () => this.readsBack(name));
    await this.tried("ranges", () => this.ranges(name));
    await this.tried("listing", () => this.lists());
    await this.tried("overwriting", () => this.keepsTheFirst(name));
    await this.tried("absence", () => this.saysWhatIsAbsent());
    const capabilities = (await this.store.probe?.()) ?? null;
    if (capabilities !== null) this.describe(capabilities);
    const latency = await this.latency(name);
    const [up, down] = await this.throughput();
    await this.tried("removal", () => this.removes(name));
    return { findings: this.findings, latency, up, down, capabilities };
  }

  /** Takes away what is left; a store that does not let it has been told of already. */
  async leave(): Promise<void> {
    for (const name of this.put.keys()) {
      await removeObject(this.store, { do: "leave" }, name).catch(() => undefined);
    }
  }

  private async keep(bytes: Buffer): Promise<string> {
    const name = probePath(this.runtime.random(16));
    this.put.set(name, bytes);
    await this.store.put(name, bytes, this.runtime.signal);
    return name;
  }

  private find(subject: string, verdict: Finding["verdict"], text: string): void {
    this.findings.push({ subject, verdict, text });
  }

  /** What is wrong is the message of a failure; the rest is still tried. */
  private async tried(subject: string, test: () => Promise<[Finding["verdict"], string]>) {
    this.runtime.signal.throwIfAborted();
    try {
      this.find(subject, ...(await test()));
    } catch (error) {
      const failure = toFailure(error);
      if (failure.code === "interrupted") throw failure;
      this.find(subject, "unfit", failure.message);
    }
  }

  private async readsBack(name: string): Promise<[Finding["verdict"], string]> {
    const same = (await this.store.get(name)).equals(this.put.get(name) ?? Buffer.alloc(0));
    if (!same) return ["unfit", "what is read is not what was put"];
    return ["good", "what was put can be read at once"];
  }

  private async ranges(name: string): Promise<[Finding["verdict"], string]> {
    const whole = this.put.get(name) ?? Buffer.alloc(0);
    const ranges = [
      { offset: 0, length: 1 },
      { offset: 1000, length: 5000 },
      { offset: SMALL - 1, length: 1 },
    ];
    for (const range of ranges) {
      const part = await this.store.get(name, range);
      const { offset, length } = range;
      if (!part.equals(whole.subarray(offset, offset + length))) {
        return ["unfit", `${length} bytes at ${offset} are other bytes than those`];
      }
    }
    const past = { offset: SMALL - 10, length: 20 };
    const code = await codeOf(this.store.get(name, past));
    if (code !== "damaged")
      return ["unfit", "a range past the end is answered as if it were there"];
    return ["good", "parts of objects can be read"];
  }

  private async lists(): Promise<[Finding["verdict"], string]> {
    for (let i = 0; i < 3; i++) await this.keep(this.runtime.random(100));
    const found = new Map<string, number>();
    const folder = probePath(Buffer.alloc(0));
    for await (const { name, length } of this.store.list(folder)) found.set(name, length);
    for (const [name, { length }] of this.put) {
      if (found.get(name) !== length) return ["unfit", "what was put is not in the next listing"];
    }
    return ["good", "a listing has what was put before it"];
  }

  private async keepsTheFirst(name: string): Promise<[Finding["verdict"], string]> {
    const refused = await codeOf(this.store.put(name, this.runtime.random(SMALL)));
    const same = (await this.store.get(name)).equals(this.put.get(name) ?? Buffer.alloc(0));
    if (same && refused !== null) return ["good", "a name that is taken is not replaced"];
    return ["limit", "a second put replaces an object: no name is used twice, but a thief could"];
  }

  private async saysWhatIsAbsent(): Promise<[Finding["verdict"], string]> {
    const code = await codeOf(this.store.get(probePath(this.runtime.random(16))));
    if (code === "object_missing") return ["good", "what is not there is said not to be there"];
    return ["unfit", "what is not there is not said to be missing"];
  }

  private describe({ conditions, checksums, versioning, locks, skew }: Capabilities): void {
    const say = (subject: string, has: boolean, yes: string, no: string) =>
      this.find(subject, has ? "good" : "limit", has ? yes : no);
    say("conditions", conditions, "a put can refuse to replace", "puts cannot refuse to replace");
    const other = "bytes that do not match their checksum are taken; holdall reads back instead";
    say("checksums", checksums, "bytes that do not match their checksum are refused", other);
    const kept = "replaced and removed objects stay as versions, and are paid for until removed";
    this.find("versions", "good", versioning ? kept : "no older versions are kept");
    const open = "no Object Lock: who steals a key that removes can remove backups";
    say("locks", locks, "objects can be locked; see lockDays in the config file", open);
    const seconds = Math.round(skew / 1000);
    const off = `its clock and this machine's are ${Math.abs(seconds)} s apart`;
    this.find("clock", Math.abs(seconds) > 60 ? "limit" : "good", off);
  }

  private async latency(name: string): Promise<number> {
    const { now } = this.runtime.clock;
    const start = now();
    for (let i = 0; i < READS; i++) await this.store.get(name, { offset: 0, length: 100 });
    return (now() - start) / READS;
  }

  private async throughput(): Promise<[number, number]> {
    const { now } = this.runtime.clock;
    const objects = Array.from({ length: AT_ONCE }, () => this.runtime.random(LARGE));
    // A clock of milliseconds may not have moved at all.
    const rate = (from: number) => (AT_ONCE * LARGE * 1000) / Math.max(1, now() - from);
    const start = now();
    const names = await mapBounded(objects, AT_ONCE, (bytes) => this.keep(bytes));
    const up = rate(start);
    const again = now();
    await mapBounded(names, AT_ONCE, (name) => this.store.get(name));
    return [up, rate(again)];
  }

  private async removes(name: string): Promise<[Finding["verdict"], string]> {
    const code = await codeOf(removeObject(this.store, { do: "leave" }, name));
    if (code === "credentials" || code === "permission" || code === "read_only") {
      return ["limit", "nothing can be removed with this key: enough for backups, not for prune"];
    }
    if (code === "retained") return ["limit", "objects are locked: prune waits for their time"];
    if (code !== null) throw new Failure(code, "an object cannot be removed");
    if ((await codeOf(this.store.get(name))) === null) {
      return ["unfit", "what was removed can still be read"];
    }
    this.put.delete(name);
    return ["good", "what is removed is gone"];
  }
}

async function codeOf(promise: Promise<unknown>): Promise<Failure["code"] | null> {
  try {
    await promise;
    return null;
  } catch (error) {
    return toFailure(error).code;
  }
}
