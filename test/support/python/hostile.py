"""The whole hostile tree, and how many entries it has."""
import os
import stat

import make
import variety


def count(fd):
    """Entries below a folder, by handles: paths are too long."""
    found = 0
    for name in os.listdir(fd):
        found += 1
        if stat.S_ISDIR(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode):
            below = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=fd)
            found += count(below)
            os.close(below)
    return found


def hostile(root, seed):
    os.umask(0o022)
    m = make.Maker(seed)
    os.makedirs(root, exist_ok=True)
    back = os.getcwd()
    os.chdir(root)
    parts = [make.names, make.crowd, make.depths, make.contents, make.holes, make.links, make.attributes, make.modes,
             make.specials, make.inodes, make.times, variety.twins, variety.targets, variety.kinds, variety.crossings]
    for part in parts:
        part(m)
    os.chdir(back)
    fd = os.open(root, os.O_RDONLY)
    entries = count(fd)
    os.close(fd)
    return {"entries": entries, "refused": sorted(set(m.refused))}
