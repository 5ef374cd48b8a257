/** What a table of figures must say of where it was measured. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import type { Peer } from "./peers/peer.ts";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryMiB: number;
  readonly kernel: string;
  readonly fileSystem: string;
  readonly node: string;
  /** The CPU's extensions that matter to ciphers and hashes. */
  readonly features: readonly string[];
  readonly versions: Readonly<Record<string, string>>;
}

const FEATURES = ["aes", "vaes", "vpclmulqdq", "avx2", "avx512f", "sha_ni", "asimd"];

/** First line of a program's own word on its version; undefined where it cannot be started. */
export function versionOf(peer: Peer): string | undefined {
  const [program = "", ...words] = peer.version;
  const said = spawnSync(program, words, { encoding: "utf8" });
  if (said.status !== 0) return undefined;
  return (said.stdout || said.stderr).trim().split("\n")[0] ?? "";
}

export function describeMachine(peers: readonly Peer[], work: string): Machine {
  const flags = /^(?:flags|Features)\s*: (.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"));
  const has = new Set(flags?.[1]?.split(" "));
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryMiB: Math.round(totalmem() / (1 << 20)),
    kernel: release(),
    fileSystem: spawnSync("stat", ["-f", "-c", "%T", work], { encoding: "utf8" }).stdout.trim(),
    node: process.version,
    features: FEATURES.filter((feature) => has.has(feature)),
    versions: Object.fromEntries(peers.map((peer) => [peer.name, versionOf(peer) ?? "absent"])),
  };
}
