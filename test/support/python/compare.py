"""An independent comparison of two trees: everything that Linux tells of an entry but its place and change time."""
import errno
import fcntl
import hashlib
import os
import stat
import struct

GET_FLAGS, GET_FSX = 0x80086601, 0x801C581F
# What chattr can set: s u c S i a d A, j t D T, C, x, P, F. The rest tells of the file system's own layout.
FLAGS = 0xFF | 0x4000 | 0x8000 | 0x10000 | 0x20000 | 0x800000 | 0x2000000 | 0x60000000
NO_PROJECT = (errno.ENOTTY, errno.EOPNOTSUPP, errno.EINVAL)


def flags(fd):
    buffer = bytearray(8)
    try:
        fcntl.ioctl(fd, GET_FLAGS, buffer)
    except OSError as e:
        if e.errno in NO_PROJECT:
            return 0
        raise
    return struct.unpack("<Q", buffer)[0] & FLAGS


def project(fd):
    buffer = bytearray(28)
    try:
        fcntl.ioctl(fd, GET_FSX, buffer)
    except OSError as e:
        if e.errno in NO_PROJECT:
            return 0
        raise
    return struct.unpack_from("<I", buffer, 12)[0]


def data(fd, size):
    """Digest of all data, and where it lies. Holes are skipped: hashing 100 GB of them takes minutes."""
    digest, runs, at = hashlib.sha256(), [], 0
    # Cached zeros of an allocated but unwritten range would count as data, by who read them before.
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
    while at < size:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:
            break
        at = os.lseek(fd, start, os.SEEK_HOLE)
        runs.append([start, at])
        while start < at:
            part = os.pread(fd, min(1 << 20, at - start), start)
            if not part:
                break
            digest.update(part)
            start += len(part)
    return [size, digest.hexdigest(), hashlib.sha256(repr(runs).encode()).hexdigest(), runs[:8]]


def row(fd, name, st):
    via = b"/proc/self/fd/%d/%s" % (fd, name)
    kind = stat.S_IFMT(st.st_mode)
    out = {"kind": oct(kind), "mode": oct(stat.S_IMODE(st.st_mode)), "owner": [st.st_uid, st.st_gid]}
    out["mtime"] = st.st_mtime_ns
    names = sorted(os.listxattr(via, follow_symlinks=False))
    out["xattrs"] = [[k, os.getxattr(via, k, follow_symlinks=False).hex()] for k in names]
    if kind == stat.S_IFLNK:
        out["target"] = os.readlink(name, dir_fd=fd).hex()
    elif kind in (stat.S_IFBLK, stat.S_IFCHR):
        out["device"] = [os.major(st.st_rdev), os.minor(st.st_rdev)]
    elif kind in (stat.S_IFREG, stat.S_IFDIR):
        own = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NOATIME, dir_fd=fd)
        out["flags"], out["project"] = flags(own), project(own)
        if kind == stat.S_IFREG:
            out["data"] = data(own, st.st_size)
        os.close(own)
    return out


def walk(fd, path, out, groups):
    """Handles only: trees are deeper than PATH_MAX."""
    for name in sorted(os.fsencode(n) for n in os.listdir(fd)):
        st = os.stat(name, dir_fd=fd, follow_symlinks=False)
        own = path + b"/" + name
        out[own] = row(fd, name, st)
        if stat.S_ISDIR(st.st_mode):
            below = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NOATIME, dir_fd=fd)
            walk(below, own, out, groups)
            os.close(below)
        else:
            groups.setdefault((st.st_dev, st.st_ino), []).append(own)


def read(root):
    out, groups = {}, {}
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    walk(fd, b"", out, groups)
    os.close(fd)
    for names in groups.values():
        if len(names) > 1:
            for name in names:
                out[name]["names"] = repr(sorted(names))
    return out


def difference(path, a, b):
    shown = repr(path if len(path) < 200 else path[:80] + b"..." + path[-80:])
    if a is None or b is None:
        return shown + (" is only in the second" if a is None else " is only in the first")
    keys = [k for k in sorted(set(a) | set(b)) if a.get(k) != b.get(k)]
    return shown + ": " + "; ".join("%s %.300s / %.300s" % (k, a.get(k), b.get(k)) for k in keys)


def compare(first, second, leave=()):
    """Differences in words, and how many entries were compared. `leave`: what a format cannot hold."""
    a, b = read(first), read(second)
    for tree in (a, b):
        for entry in tree.values():
            for key in leave:
                entry.pop(key, None)
    rows = [difference(p, a.get(p), b.get(p)) for p in sorted(set(a) | set(b)) if a.get(p) != b.get(p)]
    return {"count": len(rows), "entries": len(a), "rows": rows[:50]}


def digest(root):
    """One word for a whole tree with change times: whatever is done to it shows."""
    out = hashlib.sha256()

    def visit(fd):
        for name in sorted(os.listdir(fd)):
            st = os.stat(name, dir_fd=fd, follow_symlinks=False)
            kept = row(fd, os.fsencode(name), st)
            out.update(repr((name, sorted(kept.items()), st.st_ino, st.st_nlink, st.st_ctime_ns)).encode())
            if stat.S_ISDIR(st.st_mode):
                below = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=fd)
                visit(below)
                os.close(below)

    visit(os.open(root, os.O_RDONLY))
    return out.hexdigest()
