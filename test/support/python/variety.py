"""Parts of the hostile tree in which kinds, properties and names meet each other."""
import os
import socket
import stat

from make import some_acl


def twins(m):
    """Names that are one to somebody: by case, by composition, by trailing dots, by order beside a slash."""
    m.folder(b"twins")
    for group in [[b"name", b"Name", b"NAME", b"name ", b"name.", b" name"], [b"\xc3\xa9t\xc3\xa9", b"e\xcc\x81te\xcc\x81"],
                  [b"\xe2\x84\xab", b"\xc3\x85", b"A\xcc\x8a"], [b"stra\xc3\x9fe", b"strasse", b"STRASSE"]]:
        for name in group:
            m.put(b"file-" + name, name)
            os.mkdir(b"folder-" + name)
            m.put(b"folder-%s/%s" % (name, group[0]), name)
            os.symlink(name, b"link-" + name)
    # In byte order a path and a name part here: `a.b` lies before `a/b`, and `a0` after.
    for name in [b"a", b"a-b", b"a.b", b"a0", b"aa", b"a\x01", b"a\xff"]:
        os.mkdir(name)
        m.put(name + b"/b", name)
    for i in range(40):
        m.put(b"p" * 252 + b"%02d" % i, b"the last bytes of a long name count")
    m.leave()


def targets(m):
    """Links whose target holds each byte there is, and of lengths around the limits of the file systems."""
    m.folder(b"targets")
    for i in range(1, 256):
        os.symlink(b"to-" + bytes([i]), b"%d" % i)
    for n in [1, 59, 60, 61, 254, 255, 256, 1023, 1024, 3000, 4000, 4095]:
        m.attempt("target of %d bytes" % n, lambda: os.symlink(b"t" * n, b"length-%d" % n))
    m.leave()


def kinds(m):
    """Every kind of entry with every kind of property at once."""
    m.folder(b"kinds")
    for kind in [b"file", b"folder", b"link", b"char", b"block", b"fifo", b"socket"]:
        for i, (mode, owner, moment) in enumerate([(0o7777, (0, 0), 1), (0, (12, 34), -1), (0o4711, (70000, 5), 10**18),
                                                   (0o2070, (5, 70000), 2**32 * 10**9 + 7), (0o1222, (2**31, 2**31 + 1), 5)]):
            name = b"%s-%d" % (kind, i)
            if kind == b"file":
                m.put(name, m.r.randbytes(i * 999))
            elif kind == b"folder":
                os.mkdir(name)
                m.put(name + b"/inside", kind)
            elif kind == b"link":
                os.symlink(b"folder-%d" % i, name)
            elif kind == b"fifo":
                os.mkfifo(name)
            elif kind == b"socket":
                s = socket.socket(socket.AF_UNIX)
                s.bind(name)
                s.close()
            else:
                os.mknod(name, stat.S_IFCHR if kind == b"char" else stat.S_IFBLK, os.makedev(200 + i, i * 70000))
            os.chown(name, *owner, follow_symlinks=False)
            if kind != b"link":
                os.chmod(name, mode)
                if kind in (b"file", b"folder"):
                    m.attempt("acl", lambda: os.setxattr(name, "system.posix_acl_access", some_acl(m.r, i)))
            for space in ["trusted.", "security."] + ["user."] * (kind in (b"file", b"folder")):
                m.attempt("attribute of a " + kind.decode(),
                          lambda: os.setxattr(name, space + "all", b"%d" % i, follow_symlinks=False))
            os.utime(name, ns=(moment, moment), follow_symlinks=False)
    m.leave()


def crossings(m):
    """Groups of hard links through folders that come before, after and below each other."""
    m.folder(b"crossings")
    for a in [b"b", b"b/a", b"b/a/c", b"a", b"c", b"b.d"]:
        os.mkdir(a)
    for i in range(12):
        places = [b"b/a/c", b"a", b"b.d", b"b", b"c", b"b/a"]
        m.r.shuffle(places)
        first = places[0] + b"/%d" % i
        if i % 3 == 0:
            os.symlink(b"t%d" % i, first)
        else:
            m.put(first, b"crossing %d" % i * (i % 2), 0o4750)
        m.attempt("attribute of a linked entry", lambda: os.setxattr(first, "trusted.n", b"%d" % i, follow_symlinks=False))
        for other in places[1 : 2 + i % 5]:
            os.link(first, other + b"/%d" % i, follow_symlinks=False)
    m.leave()
