"""A day in the life of a tree, from a seed: the changes that backup programs have been seen to miss."""
import os
import random
import socket
import stat

from compare import flags
from make import HOLE, KEEP_SIZE, allocate, set_flags, some_acl

HELD = 0x10 | 0x20  # immutable, append-only
KINDS = (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK)


def paths():
    """What lies below the current folder, as far as a path reaches, by kind."""
    out = {kind: [] for kind in KINDS}
    for top, folders, files in os.walk(b"."):
        if len(top) > 3000:
            folders.clear()
        for name in sorted(folders) + sorted(files):
            path = os.path.join(top, name)
            out[stat.S_IFMT(os.lstat(path).st_mode)].append(path)
    return {kind: sorted(found) for kind, found in out.items()}


class Day:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.found = paths()

    def pick(self, *kinds):
        """An entry of one of these kinds; a listing serves until it names what is no longer there."""
        while True:
            path = self.r.choice([p for kind in kinds for p in self.found[kind] if len(p) < 1500])
            if os.path.lexists(path) and stat.S_IFMT(os.lstat(path).st_mode) in kinds:
                return path
            self.found = paths()

    def free(self, path):
        """Takes away the flags that forbid a change, of an entry and its folder."""
        for at in (os.path.dirname(path), path):
            if stat.S_IFMT(os.lstat(at).st_mode) in (stat.S_IFREG, stat.S_IFDIR):
                fd = os.open(at, os.O_RDONLY)
                now = flags(fd)
                os.close(fd)
                if now & HELD:
                    set_flags(at, now & ~HELD)

    def file(self):
        path = self.pick(stat.S_IFREG)
        self.free(path)
        return path

    def keep(self, path, act):
        """Changes a file and sets its times back."""
        st = os.stat(path)
        fd = os.open(path, os.O_RDWR)
        act(fd, st.st_size)
        os.close(fd)
        os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))

    def same_size_and_time(self):
        path = self.file()
        self.keep(path, lambda fd, size: size and os.pwrite(fd, self.r.randbytes(min(9, size)), self.r.randrange(size)))

    def twice_in_one_tick(self):
        path = self.file()
        for _ in range(3):
            self.keep(path, lambda fd, size: os.pwrite(fd, self.r.randbytes(8), 0))

    def another_inode(self):
        path = self.file()
        st = os.stat(path)
        if st.st_size > 1 << 24:
            return
        with open(b"./.new", "wb") as f:
            f.write(self.r.randbytes(st.st_size))
        os.utime(b"./.new", ns=(st.st_atime_ns, st.st_mtime_ns))
        os.rename(b"./.new", path)

    def deleted_and_made_again(self):
        path = self.file()
        st = os.stat(path)
        if st.st_size > 1 << 24:
            return
        os.remove(path)
        with open(path, "wb") as f:
            f.write(self.r.randbytes(st.st_size))
        os.chmod(path, stat.S_IMODE(st.st_mode))
        os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))

    def rename_tree(self):
        path = self.pick(stat.S_IFDIR)
        self.free(path)
        into = self.pick(stat.S_IFDIR)
        self.free(into)
        if not (into + b"/").startswith(path + b"/"):
            os.rename(path, into + b"/moved-%d" % self.r.randrange(10**6))

    def swap(self):
        kind = self.r.choice((stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK))
        a, b = self.pick(kind), self.pick(kind)
        self.free(a)
        self.free(b)
        if (a + b"/").startswith(b + b"/") or (b + b"/").startswith(a + b"/"):
            return
        os.rename(a, b"./.swap")
        os.rename(b, a)
        os.rename(b"./.swap", b)

    def remove(self, path):
        self.free(path)
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            return os.remove(path)
        for top, folders, files in os.walk(path):
            for name in folders + files:
                self.free(os.path.join(top, name))
            if len(top) > 3000:
                folders.clear()
        os.spawnlp(os.P_WAIT, "rm", "rm", "-rf", "--", path)

    def another_kind(self):
        path = self.pick(*KINDS)
        self.remove(path)
        make = self.r.randrange(6)
        if make == 0:
            os.mkdir(path)
            with open(path + b"/new", "wb") as f:
                f.write(b"below what was something else")
        elif make == 1:
            os.symlink(self.r.randbytes(9).replace(b"\0", b"0"), path)
        elif make == 2:
            os.mknod(path, self.r.choice((stat.S_IFCHR, stat.S_IFBLK)) | 0o600, os.makedev(9, self.r.randrange(1 << 20)))
        elif make == 3:
            os.mkfifo(path)
        elif make == 4 and len(path) < 100:
            s = socket.socket(socket.AF_UNIX)
            s.bind(path)
            s.close()
        else:
            with open(path, "wb") as f:
                f.write(self.r.randbytes(5000))

    def link(self):
        path, into = self.pick(*[k for k in KINDS if k != stat.S_IFDIR]), self.pick(stat.S_IFDIR)
        self.free(path)
        self.free(into)
        os.link(path, into + b"/link-%d" % self.r.randrange(10**6), follow_symlinks=False)

    def unlink(self):
        path = self.pick(*[k for k in KINDS if k != stat.S_IFDIR])
        self.remove(path)

    def break_link(self):
        found = [p for p in self.found[stat.S_IFREG] if os.path.lexists(p) and os.lstat(p).st_nlink > 1 and len(p) < 1500]
        path = self.r.choice(found)
        self.free(path)
        with open(path, "rb") as f, open(b"./.copy", "wb") as copy:
            copy.write(f.read(1 << 20))
        os.rename(b"./.copy", path)

    def truncate(self):
        path = self.file()
        os.truncate(path, self.r.randrange(os.stat(path).st_size + 1))

    def grow(self):
        with open(self.file(), "ab") as f:
            f.write(self.r.randbytes(self.r.choice((1, 100, 70000))))

    def longer_by_a_hole(self):
        path = self.file()
        os.truncate(path, os.stat(path).st_size + self.r.choice((1, 4096, 1 << 20)))

    def punch(self):
        path = self.file()
        fd = os.open(path, os.O_RDWR)
        allocate(fd, HOLE | KEEP_SIZE, 4096 * self.r.randrange(8), 4096 * self.r.randrange(1, 9))
        os.close(fd)

    def insert(self):
        path = self.pick(stat.S_IFREG)
        self.free(path)
        if os.stat(path).st_size > 1 << 24:
            return
        with open(path, "r+b") as f:
            text = f.read()
            at = self.r.randrange(len(text) + 1)
            f.seek(at)
            f.write(b"inserted" + text[at:])

    def attributes(self):
        path = self.pick(*KINDS)
        self.free(path)
        for name in os.listxattr(path, follow_symlinks=False)[:1]:
            os.removexattr(path, name, follow_symlinks=False)
        os.setxattr(path, "trusted.day", self.r.randbytes(self.r.randrange(50)), follow_symlinks=False)

    def acls(self):
        path = self.pick(stat.S_IFREG, stat.S_IFDIR)
        self.free(path)
        os.setxattr(path, "system.posix_acl_access", some_acl(self.r, self.r.randrange(5)))
        path = self.pick(stat.S_IFDIR)
        self.free(path)
        os.setxattr(path, "system.posix_acl_default", some_acl(self.r, self.r.randrange(5)))

    def inode_flags(self):
        path = self.pick(stat.S_IFREG, stat.S_IFDIR)
        self.free(path)
        set_flags(path, self.r.choice((0, 0x40, 0x80, 0x10, 0x20)))

    def owner(self):
        path = self.pick(*KINDS)
        self.free(path)
        os.chown(path, self.r.randrange((1 << 32) - 1), self.r.randrange(70000), follow_symlinks=False)

    def mode(self):
        path = self.pick(*[k for k in KINDS if k != stat.S_IFLNK])
        self.free(path)
        os.chmod(path, self.r.randrange(0o10000))

    def time(self):
        path = self.pick(*KINDS)
        self.free(path)
        st = os.lstat(path)
        when = self.r.choice((0, st.st_mtime_ns - 1, -(10**9) - 1, self.r.randrange(2 * 10**18)))
        os.utime(path, ns=(st.st_atime_ns, when), follow_symlinks=False)

    def read_only_time(self):
        path = self.file()
        os.utime(path, ns=(self.r.randrange(10**18), os.stat(path).st_mtime_ns))

    def many_new(self):
        into = self.pick(stat.S_IFDIR)
        self.free(into)
        for i in range(40):
            with open(into + b"/new-%d-%d" % (i, self.r.randrange(10**6)), "wb") as f:
                f.write(self.r.randbytes(i * 100))

    def remove_tree(self):
        path = self.pick(stat.S_IFDIR)
        if path.count(b"/") > 1:
            self.remove(path)


OFTEN = ("another_kind", "same_size_and_time", "link", "swap", "another_inode")


def churn(root, seed, changes):
    """Makes `changes` changes of every kind in turn; one that its entry does not allow is counted apart."""
    os.umask(0o022)
    day = Day(seed)
    kinds = [n for n in vars(Day) if n not in ("pick", "free", "file", "keep", "remove") and n[0] != "_"]
    back = os.getcwd()
    os.chdir(root)
    refused = []
    for i in range(changes):
        kind = (kinds + list(OFTEN))[i % (len(kinds) + len(OFTEN))]
        try:
            getattr(day, kind)()
        except OSError as e:
            refused.append("%s: %s" % (kind, e.strerror))
    os.chdir(back)
    return {"kinds": len(kinds), "refused": refused}
