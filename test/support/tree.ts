/** Hostile but legal trees from a seed, made by real tools, and an independent comparison of two trees. */
import { execFileSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A temporary folder that goes away with `using`; Node's own removal fails beyond PATH_MAX. */
export function temporary(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "holdall-"));
  return { path, [Symbol.dispose]: () => execFileSync("rm", ["-rf", path]) };
}

const PYTHON = `
import os, sys, hashlib, random, stat, json, socket
def walk(fd, path, out):
    # Handles only: trees are deeper than PATH_MAX.
    for name in sorted(os.fsencode(n) for n in os.listdir(fd)):
        st = os.stat(name, dir_fd=fd, follow_symlinks=False)
        own = path + b"/" + name
        via = b"/proc/self/fd/%d/%s" % (fd, name)
        row = [stat.S_IFMT(st.st_mode), stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid, st.st_mtime_ns]
        row.append([[os.fsencode(k).hex(), os.getxattr(via, k, follow_symlinks=False).hex()] for k in sorted(os.listxattr(via, follow_symlinks=False))])
        if stat.S_ISREG(st.st_mode):
            f = os.open(name, os.O_RDONLY, dir_fd=fd)
            h = hashlib.sha256()
            holes = []
            at = 0
            while at < st.st_size:
                try: start = os.lseek(f, at, os.SEEK_DATA)
                except OSError: break
                at = os.lseek(f, start, os.SEEK_HOLE)
                holes.append([start, at])
                # Only data is read: hashing the zeros of a 100 GB hole takes minutes.
                while start < at:
                    b = os.pread(f, min(1 << 20, at - start), start)
                    if not b: break
                    h.update(b)
                    start += len(b)
            os.close(f)
            row += [st.st_size, h.hexdigest(), holes if st.st_blocks * 512 < st.st_size else None, [st.st_dev, st.st_ino] if st.st_nlink > 1 else None]
        elif stat.S_ISLNK(st.st_mode): row.append(os.fsencode(os.readlink(name, dir_fd=fd)).hex())
        elif stat.S_ISBLK(st.st_mode) or stat.S_ISCHR(st.st_mode): row.append(st.st_rdev)
        out[own.hex()] = row
        if stat.S_ISDIR(st.st_mode):
            sub = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=fd)
            walk(sub, own, out)
            os.close(sub)
def snapshot(root):
    out = {}
    walk(os.open(root, os.O_RDONLY), b"", out)
    groups = {}
    for k in sorted(out):
        row = out[k]
        if row[0] == stat.S_IFREG and row[-1]:
            row[-1] = groups.setdefault(tuple(row[-1]), k)
    return out
sys.setrecursionlimit(100000)
`;

/** What differs between two trees, by content, type, mode, owner, time, attributes, holes and links. */
export function differences(a: string, b: string): string[] {
  const script = `${PYTHON}
a, b = snapshot(sys.argv[1]), snapshot(sys.argv[2])
print(json.dumps([repr(bytes.fromhex(k)) + " " + str(a.get(k)) + " / " + str(b.get(k)) for k in sorted(set(a) | set(b)) if a.get(k) != b.get(k)][:50]))
print(len(a))`;
  const out = execFileSync("python3", ["-c", script, a, b], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  const [rows = "[]", count = "0"] = out.trim().split("\n");
  if (Number(count) === 0) return ["the first tree is empty: nothing was compared"];
  return JSON.parse(rows) as string[];
}

/** Makes a tree with every kind of entry; needs root for devices, owners and trusted attributes. */
export function hostileTree(root: string, seed: number): void {
  const script = `${PYTHON}
root, seed = os.fsencode(sys.argv[1]), int(sys.argv[2])
r = random.Random(seed)
os.makedirs(root, exist_ok=True)
os.chdir(root)
def put(name, data, mode=0o644):
    with open(name, "wb") as f: f.write(data)
    os.chmod(name, mode)
put(b"empty", b"")
put(b"not-utf8-\\xff\\xfe\\x80", b"x")
put(b"line\\nbreak\\ttab \\x1b[31m", b"y")
put(b"n" * 255, b"long name")
for n in [1, 4095, 4096, 4097, 16384, 65535, 65536, 262144, 262145, 1000003]: put(b"size-%d" % n, r.randbytes(n))
put(b"text", b"the same line again\\n" * 200000)
put(b"big", r.randbytes(9 << 20) + bytes(3 << 20) + r.randbytes(1 << 20))
put(b"setuid", b"s", 0o4755); put(b"setgid", b"s", 0o2755); put(b"sticky", b"s", 0o1644); put(b"nothing", b"s", 0)
os.mkdir(b"dirs"); os.mkdir(b"dirs/empty"); os.chmod(b"dirs", 0o1777)
for i in range(1500): put(b"dirs/f%05d" % i, b"file %d" % i)
fd = os.open(b"sparse", os.O_RDWR | os.O_CREAT); os.ftruncate(fd, 100 << 30)
os.pwrite(fd, b"data", 1 << 20); os.pwrite(fd, r.randbytes(70000), 50 << 30); os.close(fd)
fd = os.open(b"all-hole", os.O_RDWR | os.O_CREAT); os.ftruncate(fd, 1 << 20); os.close(fd)
fd = os.open(b"hole-at-end", os.O_RDWR | os.O_CREAT); os.write(fd, b"z" * 8192); os.ftruncate(fd, 1 << 20); os.close(fd)
os.link(b"size-4097", b"hard-1"); os.link(b"size-4097", b"dirs/hard-2")
os.symlink(b"nowhere/\\xff", b"dangling"); os.symlink(b"/etc", b"absolute"); os.symlink(b".." * 1000, b"long-link")
os.link(b"dangling", b"dangling-hard", follow_symlinks=False)
os.mkfifo(b"fifo")
s = socket.socket(socket.AF_UNIX); s.bind(b"socket"); s.close()
os.mknod(b"null", stat.S_IFCHR | 0o666, os.makedev(1, 3)); os.mknod(b"disk", stat.S_IFBLK | 0o600, os.makedev(4095, 1048575))
os.link(b"null", b"null-hard")
put(b"owner", b"o"); os.chown(b"owner", 3000000000, 4000000000); os.lchown(b"dangling", 12345, 54321)
os.setxattr(b"owner", b"user.note", b"hello\\x00world"); os.setxattr(b"owner", b"user.empty", b"")
os.setxattr(b"owner", b"trusted.t", b"t"); os.setxattr(b"owner", b"security.s", b"s"); os.setxattr(b"dirs", b"user.dir", b"d" * 2000)
os.setxattr(b"absolute", b"trusted.link", b"l", follow_symlinks=False); os.setxattr(b"fifo", b"trusted.fifo", b"f")
acl = bytes.fromhex("0200000001000600ffffffff02000700e803000004000400ffffffff10000700ffffffff20000400ffffffff")
os.setxattr(b"text", b"system.posix_acl_access", acl); os.setxattr(b"dirs", b"system.posix_acl_default", acl)
os.setxattr(b"setuid", b"security.capability", bytes.fromhex("0100000200040000000000000000000000000000"))
for name, ns in [(b"empty", -1), (b"text", -5 * 10**18 // 2**1), (b"big", 2**33 * 10**9 + 999999999), (b"setuid", 123456789)]:
    try: os.utime(name, ns=(ns, ns))
    except OverflowError: pass
os.utime(b"dirs", ns=(1, 1)); os.utime(b"dangling", ns=(7, 7), follow_symlinks=False)
deep = os.open(b".", os.O_RDONLY)
for i in range(60):
    name = b"d%02d-" % i + b"e" * 200
    os.mkdir(name, dir_fd=deep); nxt = os.open(name, os.O_RDONLY, dir_fd=deep); os.close(deep); deep = nxt
f = os.open(b"bottom", os.O_WRONLY | os.O_CREAT, dir_fd=deep); os.write(f, b"deep"); os.close(f)
`;
  execFileSync("python3", ["-c", script, root, String(seed)], {
    stdio: ["ignore", "inherit", "inherit"],
  });
}

/** Another day: edits that keep size and mtime, renames, growth, truncation, changed kinds. */
export function churn(root: string): void {
  const script = `${PYTHON}
os.chdir(os.fsencode(sys.argv[1]))
def keep(name, at, data):
    st = os.stat(name); f = os.open(name, os.O_RDWR); os.pwrite(f, data, at); os.close(f); os.utime(name, ns=(st.st_atime_ns, st.st_mtime_ns))
keep(b"size-65536", 100, b"SAME SIZE SAME TIME"); keep(b"big", 5 << 20, b"patched")
os.rename(b"dirs", b"renamed"); os.remove(b"empty"); os.mkdir(b"empty")
os.truncate(b"text", 12345)
with open(b"size-1", "ab") as f: f.write(b"grown")
os.remove(b"fifo"); os.symlink(b"was-a-fifo", b"fifo")
os.setxattr(b"owner", b"user.note", b"changed"); os.removexattr(b"owner", b"user.empty"); os.chmod(b"nothing", 0o600)
fd = os.open(b"sparse", os.O_RDWR); os.pwrite(fd, b"more", 90 << 30); os.close(fd)
`;
  execFileSync("python3", ["-c", script, root], { stdio: ["ignore", "inherit", "inherit"] });
}
