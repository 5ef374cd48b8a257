"""A hostile but legal tree from a seed: every kind of entry and property that Linux lets a tree have."""
import ctypes
import fcntl
import os
import random
import socket
import stat
import struct

from compare import FLAGS, GET_FLAGS, GET_FSX

SET_FLAGS, SET_FSX = 0x40086602, 0x401C5820
HOLE, KEEP_SIZE, ZERO = 0x02, 0x01, 0x10
UNDEFINED = 0xFFFFFFFF


class Maker:
    """Makes entries below the current folder. What this file system cannot hold is noted, not hidden."""

    def __init__(self, seed):
        self.r = random.Random(seed)
        self.refused = []

    def attempt(self, what, act):
        try:
            act()
            return True
        except (OSError, OverflowError) as e:
            self.refused.append("%s: %s" % (what, e.strerror if isinstance(e, OSError) else e))
            return False

    def put(self, name, data=b"", mode=0o644):
        with open(name, "wb") as f:
            f.write(data)
        os.chmod(name, mode)

    def folder(self, name):
        os.mkdir(name)
        os.chdir(name)

    def leave(self):
        os.chdir(b"..")


def allocate(fd, mode, at, length):
    libc = ctypes.CDLL(None, use_errno=True)
    offset = ctypes.c_int64
    if libc.fallocate64(fd, mode, offset(at), offset(length)) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def set_flags(name, value):
    """Sets what chattr sets; the rest tells of the file system's own layout and stays."""
    fd = os.open(name, os.O_RDONLY)
    try:
        buffer = bytearray(8)
        fcntl.ioctl(fd, GET_FLAGS, buffer)
        layout = struct.unpack("<Q", buffer)[0] & ~FLAGS
        fcntl.ioctl(fd, SET_FLAGS, struct.pack("<Q", layout | value))
    finally:
        os.close(fd)


def set_project(name, value):
    fd = os.open(name, os.O_RDONLY)
    try:
        buffer = bytearray(28)
        fcntl.ioctl(fd, GET_FSX, buffer)
        struct.pack_into("<I", buffer, 12, value)
        fcntl.ioctl(fd, SET_FSX, buffer)
    finally:
        os.close(fd)


def acl(entries):
    """The kernel's own form: version 2, then tag, permissions and id of each entry."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in entries)


def some_acl(r, people):
    rows = [(1, 7, UNDEFINED), (4, 5, UNDEFINED), (16, r.choice([5, 6, 7]), UNDEFINED), (32, 0, UNDEFINED)]
    ids = r.sample(range(1000, 1 << 31), people)
    rows += [(r.choice([2, 8]), r.randrange(8), i) for i in ids]
    return acl(sorted(rows, key=lambda row: (row[0], row[2])))


def names(m):
    m.folder(b"names")
    for i in range(1, 256):
        if i not in (46, 47):
            m.put(bytes([i]), bytes([i]) * (i % 7))
    m.put(b"n" * 255, b"long")
    m.put(b"\xff" * 255, b"long and not text")
    for name in [b"line\nbreak", b"\x1b[31mred\x1b[0m", b"-rf", b"--", b"--help", b" lead", b"trail ", b"dot.",
                 b"...", b"..a", b"~", b"$(id)", b"`id`", b"*", b"a\\b", b"'", b'"', b"\r\n", b"\xc3\x28",
                 b"\xed\xa0\x80", b"\xf0\x9f\x92\xa9", b"e\xcc\x81", b"\xc3\xa9", b"CON", b"aux.txt", b"a:b",
                 b".gitignore", b".holdallignore", b"%s%n", b"\xe2\x80\xae", b"\xef\xbb\xbfbom"]:
        m.put(name, name)
    for i in range(300):
        m.put(bytes(m.r.choice([j for j in range(1, 256) if j != 47]) for _ in range(20)) + b"%d" % i, b"random")
    m.leave()


def crowd(m):
    m.folder(b"crowd")
    for i in range(4900):
        m.put(b"f%05d" % i, b"file %d of many\n" % i * (i % 5))
    m.leave()


def depths(m):
    m.folder(b"deep")
    m.put(b"top")
    for prefix, levels in [(b"wide-", 60), (b"d", 1100)]:
        at = os.open(b".", os.O_RDONLY)
        for i in range(levels):
            name = prefix + (b"e" * 200 if prefix == b"wide-" else b"%d" % (i % 10))
            os.mkdir(name, dir_fd=at)
            below = os.open(name, os.O_RDONLY, dir_fd=at)
            os.close(at)
            at = below
        f = os.open(b"bottom", os.O_WRONLY | os.O_CREAT, dir_fd=at)
        os.write(f, b"deep down")
        os.setxattr(f, "user.deep", b"yes")
        os.link(b"bottom", b"bottom-link", src_dir_fd=at, dst_dir_fd=at)
        os.symlink(b"../bottom", b"link", dir_fd=at)
        os.close(f)
        os.close(at)
    m.leave()


def contents(m):
    m.folder(b"contents")
    for n in [0, 1, 511, 512, 4095, 4096, 4097, 16383, 16384, 65535, 65536, 65537, 262144, 262145, 1000003]:
        m.put(b"size-%d" % n, m.r.randbytes(n))
    m.put(b"text", b"the same line again\n" * 200000)
    m.put(b"zeros", bytes(3 << 20))
    m.put(b"big", m.r.randbytes(9 << 20) + bytes(3 << 20) + m.r.randbytes(1 << 20))
    m.put(b"paged", b"SQLite format 3\0" + m.r.randbytes(900000))
    m.put(b"twice", m.r.randbytes(300000) * 2)
    m.leave()


def write_runs(name, size, runs, data):
    fd = os.open(name, os.O_RDWR | os.O_CREAT, 0o640)
    os.ftruncate(fd, size)
    for at, length in runs:
        os.pwrite(fd, data(length), at)
    os.close(fd)


def holes(m):
    m.folder(b"holes")
    noise = m.r.randbytes
    write_runs(b"huge", 100 << 30, [(1 << 20, 5000), (50 << 30, 70000), ((100 << 30) - 3, 3)], noise)
    write_runs(b"all", 1 << 20, [], noise)
    write_runs(b"small-all", 100, [], noise)
    write_runs(b"start", 1 << 20, [((1 << 20) - 8192, 8192)], noise)
    write_runs(b"middle", 1 << 20, [(0, 8192), ((1 << 20) - 4096, 4096)], noise)
    write_runs(b"end", 1 << 20, [(0, 12288)], noise)
    write_runs(b"odd-end", 1234567, [(4096, 4096)], noise)
    write_runs(b"alternating", 8 << 20, [(i, 4096) for i in range(0, 8 << 20, 8192)], noise)
    write_runs(b"alternating-after", 8 << 20, [(i, 4096) for i in range(4096, 8 << 20, 8192)], lambda n: b"a" * n)
    write_runs(b"zeros-between", 1 << 20, [(0, 65536), (131072, 65536)], bytes)
    # Blocks of attributes count as the file's: a hole must be seen even where blocks say there is none.
    write_runs(b"hole-and-attribute", 8192, [(4096, 4096)], noise)
    m.attempt("attribute beside a hole", lambda: os.setxattr(b"hole-and-attribute", "user.a", noise(3000)))
    write_runs(b"punched", 1 << 20, [(0, 1 << 20)], noise)
    fd = os.open(b"punched", os.O_RDWR)
    m.attempt("punched hole", lambda: allocate(fd, HOLE | KEEP_SIZE, 65536, 131072))
    os.close(fd)
    for name, mode, at in [(b"unwritten", 0, 0), (b"beyond-end", KEEP_SIZE, 1 << 20), (b"zero-range", ZERO, 4096)]:
        write_runs(name, 1 << 20, [(0, 16384), (500000, 10000)], noise)
        fd = os.open(name, os.O_RDWR)
        m.attempt("allocated " + name.decode(), lambda: allocate(fd, mode, at, 1 << 20))
        # Cached zeros of an unwritten range count as data until they are dropped: then not in the middle of a test.
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)
    m.leave()


def links(m):
    m.folder(b"links")
    os.mkdir(b"one")
    os.mkdir(b"two")
    for kind in (b"file", b"empty", b"symlink", b"char", b"block", b"fifo", b"socket"):
        first = b"one/" + kind
        if kind == b"file":
            m.put(first, m.r.randbytes(70000))
        elif kind == b"empty":
            m.put(first)
        elif kind == b"symlink":
            os.symlink(b"../two/\xff", first)
        elif kind == b"socket":
            s = socket.socket(socket.AF_UNIX)
            s.bind(first)
            s.close()
        elif kind == b"fifo":
            os.mkfifo(first, 0o620)
        else:
            form = stat.S_IFCHR if kind == b"char" else stat.S_IFBLK
            os.mknod(first, form | 0o640, os.makedev(7, 130))
        m.attempt("attribute of a " + kind.decode(), lambda: os.setxattr(first, "trusted.kind", kind, follow_symlinks=False))
        for i in range(3):
            os.link(first, b"two/%s-%d" % (kind, i), follow_symlinks=False)
        os.link(first, b"zz-" + kind, follow_symlinks=False)
        os.chown(first, 77, 88, follow_symlinks=False)
    for i in range(300):
        os.link(b"one/empty", b"two/more-%d" % i)
    for name, target in [(b"dangling", b"nowhere/\xff\xfe"), (b"absolute", b"/etc/passwd"), (b"loop", b"loop"),
                         (b"up", b"../../.."), (b"space", b" "), (b"newline", b"a\nb"), (b"long", b"x/" * 2047 + b"y")]:
        m.attempt("target " + name.decode(), lambda: os.symlink(target, name))
    m.leave()


def attributes(m):
    m.folder(b"attributes")
    for namespace in ("user", "trusted", "security"):
        name = namespace.encode()
        m.put(name, name)
        for key, value in [("text", b"value"), ("empty", b""), ("zero", b"a\0b\0"), ("\xe9\u20ac", b"\xff\xfe"),
                           ("equal=sign%3D", b"="), ("new\nline", b"\n"), ("n" * 240, b"long name")]:
            m.attempt(namespace + " attribute", lambda: os.setxattr(name, (namespace + "." + key).encode(), value))
    m.put(b"raw-name")
    m.attempt("attribute name not text", lambda: os.setxattr(b"raw-name", b"user.\xff\xfe\x80", b"raw"))
    m.put(b"large")
    for n in (65536, 60000, 16000, 3900):
        if m.attempt("attribute of %d bytes" % n, lambda: os.setxattr(b"large", "user.large", m.r.randbytes(n))):
            break
    m.put(b"many")
    for i in range(400):
        if not m.attempt("attribute number %d" % i, lambda: os.setxattr(b"many", "trusted.%d" % i, b"%d" % i * (i % 4))):
            # Not filled to the last byte: how much fits depends on the order in which they were set.
            for j in range(i - 10, i):
                os.removexattr(b"many", "trusted.%d" % j)
            break
    for i in range(40):
        m.put(b"one-%d" % i)
        os.setxattr(b"one-%d" % i, "user.n", m.r.randbytes(m.r.randrange(64)))
    for i, (tag, people) in enumerate([("access", 1), ("access", 20), ("access", 80), ("default", 1), ("default", 30)]):
        name = b"acl-%d" % i
        os.mkdir(name) if tag == "default" or i % 2 else m.put(name)
        m.attempt("acl", lambda: os.setxattr(name, "system.posix_acl_" + tag, some_acl(m.r, people)))
    if m.attempt("default acl", lambda: os.setxattr(b"acl-3", "system.posix_acl_access", some_acl(m.r, 3))):
        m.put(b"acl-3/inherits")
        os.mkdir(b"acl-3/inherits-too")
    # Permissions of the owning group and the mask differ: chmod would change the one for the other.
    m.put(b"mask", mode=0o640)
    mask = acl([(1, 6, UNDEFINED), (2, 7, 1234), (4, 7, UNDEFINED), (16, 0, UNDEFINED), (32, 4, UNDEFINED)])
    m.attempt("acl mask", lambda: os.setxattr(b"mask", "system.posix_acl_access", mask))
    m.put(b"capable", mode=0o4755)
    os.chown(b"capable", 1000, 1000)
    os.chmod(b"capable", 0o6755)
    capability = struct.pack("<IIIII", 0x02000001, 0x2400, 0x2000, 0, 0)
    m.attempt("capability", lambda: os.setxattr(b"capable", "security.capability", capability))
    m.put(b"acl-unsorted")
    rows = [(1, 7, UNDEFINED), (2, 1, 9), (2, 3, 5), (4, 5, UNDEFINED), (16, 7, UNDEFINED), (32, 0, UNDEFINED)]
    m.attempt("acl out of order", lambda: os.setxattr(b"acl-unsorted", "system.posix_acl_access", acl(rows)))
    os.symlink(b"x", b"link")
    m.attempt("attribute of a link", lambda: os.setxattr(b"link", "security.link", b"l", follow_symlinks=False))
    m.leave()


def modes(m):
    m.folder(b"modes")
    for mode in [0, 0o1, 0o111, 0o222, 0o400, 0o777, 0o1644, 0o2755, 0o4755, 0o7777, 0o2640, 0o6000]:
        m.put(b"file-%o" % mode, b"mode", mode)
        os.mkdir(b"dir-%o" % mode)
        m.put(b"dir-%o/inside" % mode)
        os.chmod(b"dir-%o" % mode, mode)
    for n, (uid, gid) in enumerate([(1, 2), (3000000000, 4000000000), (4294967294, 4294967294), (65534, 0)]):
        m.put(b"owner-%d" % n, b"", 0o600)
        os.chown(b"owner-%d" % n, uid, gid)
        os.chmod(b"owner-%d" % n, 0o6711)
        os.symlink(b"t", b"owner-link-%d" % n)
        os.lchown(b"owner-link-%d" % n, uid, gid)
        os.mkdir(b"owner-dir-%d" % n)
        os.chown(b"owner-dir-%d" % n, uid, gid)
    os.mkdir(b"group")
    os.chown(b"group", 5, 4321)
    os.chmod(b"group", 0o2775)
    m.put(b"group/file")
    os.mkdir(b"group/below")
    m.put(b"group/below/file")
    m.put(b"group/other")
    os.chown(b"group/other", 6, 7)
    m.leave()


def specials(m):
    m.folder(b"specials")
    for i, (major, minor) in enumerate([(1, 3), (0, 1), (259, 3), (4095, 1048575), (511, 256), (8, 65536)]):
        device = os.makedev(major, minor)
        m.attempt("device %d:%d" % (major, minor), lambda: os.mknod(b"char-%d" % i, stat.S_IFCHR | 0o666, device))
        m.attempt("device %d:%d" % (major, minor), lambda: os.mknod(b"block-%d" % i, stat.S_IFBLK | 0o60, device))
    os.mkfifo(b"fifo", 0o7777)
    s = socket.socket(socket.AF_UNIX)
    s.bind(b"socket")
    s.close()
    os.mkdir(b"empty")
    os.mkdir(b"cache")
    m.put(b"cache/CACHEDIR.TAG", b"Signature: 8a477f597d28d172789f06886806bc55\n")
    m.put(b"cache/kept", b"nothing is left out unless asked")
    m.leave()


MOMENTS = [0, 1, -1, 999999999, -999999999, -(10**9), -5 * 10**17, 10**18 + 1, 2**31 * 10**9, 2**32 * 10**9 + 5,
           2**33 * 10**9 + 999999999, 2**34 * 10**9 - 1, -(2**31) * 10**9 + 7, 9223372036854775807, 2**63 + 10**9 + 1,
           253402300800 * 10**9, -(2**40) * 10**9 + 3, (2**63 - 1) * 10**9 + 999999999, -(2**63) * 10**9]


def times(m):
    m.folder(b"times")
    for i, ns in enumerate(MOMENTS):
        m.put(b"file-%d" % i)
        os.symlink(b"t", b"link-%d" % i)
        os.mkdir(b"dir-%d" % i)
        m.put(b"dir-%d/inside" % i)
        os.mkfifo(b"fifo-%d" % i)
        for name in (b"file-%d" % i, b"link-%d" % i, b"dir-%d" % i, b"fifo-%d" % i):
            m.attempt("time %d" % ns, lambda: os.utime(name, ns=(ns, ns), follow_symlinks=False))
        if os.stat(b"file-%d" % i).st_mtime_ns != ns:
            m.refused.append("time %d" % ns)
    m.leave()


FLAG_SETS = [0x40, 0x80, 0x20, 0x10, 0x08, 0x40 | 0x10, 0x80 | 0x20, 0x40 | 0x80, 0x1 | 0x2, 0x8000, 0x800000]


def inodes(m):
    m.folder(b"inodes")
    for i, flags in enumerate(FLAG_SETS + [0x10000, 0x20000, 0x20000000]):
        if i < len(FLAG_SETS):
            m.put(b"file-%d" % i, b"flags")
            os.link(b"file-%d" % i, b"again-%d" % i)
            m.attempt("file flags %x" % flags, lambda: set_flags(b"file-%d" % i, flags))
        os.mkdir(b"dir-%d" % i)
        m.put(b"dir-%d/inside" % i)
        m.attempt("folder flags %x" % flags, lambda: set_flags(b"dir-%d" % i, flags))
    for i, number in enumerate([1, 42, 4294967294]):
        m.put(b"project-%d" % i)
        m.attempt("project id %d" % number, lambda: set_project(b"project-%d" % i, number))
        os.mkdir(b"project-dir-%d" % i)
        m.put(b"project-dir-%d/before" % i)
        if m.attempt("project id %d" % number, lambda: set_project(b"project-dir-%d" % i, number)):
            m.attempt("inherited project id", lambda: set_flags(b"project-dir-%d" % i, 0x20000000))
        m.put(b"project-dir-%d/after" % i)
    m.leave()
