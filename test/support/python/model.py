"""Builds a tree from a model: a list of entries, each a small dictionary, the names in hexadecimal."""
import os
import random
import socket
import stat

from make import acl


def content(spec):
    """Bytes of a file: runs of `[offset, length, seed]`, so that a model of a megabyte stays small."""
    return [(at, random.Random(seed).randbytes(length) if seed else bytes(length)) for at, length, seed in spec]


def make_entry(dir_fd, name, e):
    kind = e["kind"]
    if kind == "dir":
        os.mkdir(name, dir_fd=dir_fd)
        below = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=dir_fd)
        fill(below, e["entries"])
        os.close(below)
    elif kind == "file":
        fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, dir_fd=dir_fd)
        os.ftruncate(fd, e["size"])
        for at, part in content(e["runs"]):
            os.pwrite(fd, part[: max(0, e["size"] - at)], at)
        os.close(fd)
    elif kind == "link":
        os.symlink(bytes.fromhex(e["target"]), name, dir_fd=dir_fd)
    elif kind == "socket":
        s = socket.socket(socket.AF_UNIX)
        s.bind(b"/proc/self/fd/%d/%s" % (dir_fd, name))
        s.close()
    else:
        form = {"char": stat.S_IFCHR, "block": stat.S_IFBLK, "fifo": stat.S_IFIFO}[kind]
        os.mknod(name, form | 0o600, os.makedev(*e["device"]) if kind != "fifo" else 0, dir_fd=dir_fd)


def describe(dir_fd, name, e):
    via = b"/proc/self/fd/%d/%s" % (dir_fd, name)
    os.chown(via, *e["owner"], follow_symlinks=False)
    if e["kind"] != "link":
        os.chmod(via, e["mode"])
    for key, value in e["xattrs"]:
        if e["kind"] in ("file", "dir") or not key.startswith("user."):
            os.setxattr(via, os.fsencode(key), bytes.fromhex(value), follow_symlinks=False)
    if e["acl"] and e["kind"] in ("file", "dir"):
        os.setxattr(via, "system.posix_acl_access", acl(sorted(tuple(row) for row in e["acl"])))
        if e["kind"] == "dir":
            os.setxattr(via, "system.posix_acl_default", acl(sorted(tuple(row) for row in e["acl"])))
    os.utime(via, ns=(0, e["seconds"] * 10**9 + e["nanoseconds"]), follow_symlinks=False)


def fill(fd, entries):
    made = set()
    for e in entries:
        name = bytes.fromhex(e["name"])
        if name in made:
            continue
        made.add(name)
        make_entry(fd, name, e)
        describe(fd, name, e)
        for i in range(e["links"] if e["kind"] != "dir" else 0):
            other = b"%s-%d" % (name[:240], i)
            if other not in made:
                made.add(other)
                os.link(b"/proc/self/fd/%d/%s" % (fd, name), other, dst_dir_fd=fd, follow_symlinks=False)


def build(root, entries):
    os.umask(0)
    os.makedirs(root)
    fd = os.open(root, os.O_RDONLY)
    fill(fd, entries)
    os.close(fd)
    return len(entries)
