/**
 * What differs between a snapshot as the oracle reads it and a folder on disk: kinds, modes,
 * owners, times, attributes, link targets, devices, hard links and bytes.
 *
 * The folder is looked at by Python through handles, since Node ends at PATH_MAX. Bytes are
 * compared by a SHA-256 over every 4 KiB that is not zeros with its offset: holes cost nothing.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { u64 } from "./crypto.ts";
import { type Entry, isPartial } from "./page.ts";
import type { Oracle } from "./reader.ts";

const CELL = 4096;

/** Digest of the cells that are not zeros. */
export function cells(data: Iterable<{ at: bigint; bytes: Buffer }>): string {
  const sum = createHash("sha256");
  let [number, cell] = [-1n, Buffer.alloc(CELL)];
  const close = () => {
    if (number >= 0n && cell.some((b) => b !== 0)) sum.update(u64(number)).update(cell);
    cell = Buffer.alloc(CELL);
  };
  for (let { at, bytes } of data) {
    while (bytes.length > 0) {
      if (at / BigInt(CELL) !== number) {
        close();
        number = at / BigInt(CELL);
      }
      const n = bytes.copy(cell, Number(at % BigInt(CELL)));
      bytes = bytes.subarray(n);
      at += BigInt(n);
    }
  }
  close();
  return sum.digest("hex");
}

const FORMATS = [0o100000, 0o040000, 0o120000, 0o020000, 0o060000, 0o010000, 0o140000];

function facts(oracle: Oracle, entry: Entry): unknown[] {
  const c = entry.content;
  const held =
    entry.kind === 0
      ? [Number(entry.size), cells(oracle.data(entry))]
      : c.kind === "target"
        ? c.bytes.toString("hex")
        : c.kind === "device"
          ? [c.major, c.minor]
          : null;
  const own = [FORMATS[entry.kind], held];
  if (isPartial(entry)) return own;
  const time = `${entry.seconds * 1_000_000_000n + BigInt(entry.nanoseconds)}`;
  const xattrs = entry.xattrs.map(([n, v]) => [n.toString("hex"), v.toString("hex")]);
  return [...own, entry.mode, entry.uid, entry.gid, time, xattrs];
}

const LOOK = `
import os, sys, json, stat, hashlib
def cells(fd, size):
    h = hashlib.sha256(); at = 0; done = -1
    while at < size:
        try: at = os.lseek(fd, at, os.SEEK_DATA)
        except OSError: break
        end = os.lseek(fd, at, os.SEEK_HOLE)
        at = max(at // 4096, done + 1) * 4096
        while at < end:
            b = os.pread(fd, 4096, at)
            if b.strip(b"\\0"): h.update((at // 4096).to_bytes(8, "little") + b.ljust(4096, b"\\0"))
            done = at // 4096; at += 4096
    return h.hexdigest()
stack = [(None, os.open(sys.argv[1], os.O_RDONLY))]
out, inodes = [], {}
for line in sys.stdin:
    names, want, link = json.loads(line)
    names = [bytes.fromhex(n) for n in names]
    keep = 0
    while keep < len(names) - 1 and keep + 1 < len(stack) and stack[keep + 1][0] == names[keep]: keep += 1
    while len(stack) > keep + 1: os.close(stack.pop()[1])
    where = repr(b"/".join(names))
    try:
        for n in names[keep:-1]: stack.append((n, os.open(n, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY, dir_fd=stack[-1][1])))
        fd, name = stack[-1][1], names[-1]
        st = os.stat(name, dir_fd=fd, follow_symlinks=False)
        held = None
        if stat.S_ISREG(st.st_mode):
            f = os.open(name, os.O_RDONLY, dir_fd=fd); held = [st.st_size, cells(f, st.st_size)]; os.close(f)
        elif stat.S_ISLNK(st.st_mode): held = os.readlink(name, dir_fd=fd).hex()
        elif stat.S_ISCHR(st.st_mode) or stat.S_ISBLK(st.st_mode): held = [os.major(st.st_rdev), os.minor(st.st_rdev)]
        via = b"/proc/self/fd/%d/%s" % (fd, name)
        xattrs = [[os.fsencode(k).hex(), os.getxattr(via, k, follow_symlinks=False).hex()] for k in sorted(os.listxattr(via, follow_symlinks=False), key=os.fsencode)]
        have = [stat.S_IFMT(st.st_mode), held, stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid, str(st.st_mtime_ns), xattrs][:len(want)]
        if have != want: out.append("%s: on disk %r, in the snapshot %r" % (where, have, want))
        if link is not None:
            first = inodes.setdefault(link, (st.st_dev, st.st_ino))
            if first != (st.st_dev, st.st_ino): out.append(where + ": is not linked to its first name")
    except OSError as e: out.append("%s: %s" % (where, e))
print(json.dumps(out[:50]))
`;

/** Compares what lies below (or is) `path` in a snapshot with what a restore put into `target`. */
export function oracleDifferences(
  oracle: Oracle,
  snapshotId: string,
  path: Buffer,
  target: string,
): string[] {
  const found = oracle.snapshots.find((s) => s.id === snapshotId);
  const roots = found?.sections.flatMap(({ units }) => units.map(({ root }) => root)) ?? [];
  if (roots.length === 0) return [`no snapshot ${snapshotId}: ${oracle.problems}`];
  const names = splitPath(path);
  const parts = roots.map((root) => ({ root, top: oracle.find(root, names) }));
  const having = parts.filter(({ top }) => names.length === 0 || top !== null);
  if (having.length === 0) return [`${path} is not in the snapshot`];
  const lines: string[] = [];
  for (const { path: at, entry } of having.flatMap((part) => [...below(oracle, part)])) {
    const link = entry.link === null ? null : `${entry.link}`;
    lines.push(JSON.stringify([at.map((n) => n.toString("hex")), facts(oracle, entry), link]));
  }
  const said = execFileSync("python3", ["-c", LOOK, target], {
    input: `${lines.join("\n")}\n`,
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  return JSON.parse(said) as string[];
}

/** What one unit has below, or is, the entry that was asked for. */
function below(oracle: Oracle, { root, top }: { root: Buffer; top: Entry | null }) {
  if (top === null) return oracle.walk(root);
  if (top.content.kind === "folder") return oracle.walk(top.content.page);
  return [{ path: [top.name], entry: top }];
}

function splitPath(path: Buffer): Buffer[] {
  const text = path.toString("latin1");
  return text
    .split("/")
    .filter((n) => n !== "")
    .map((n) => Buffer.from(n, "latin1"));
}
