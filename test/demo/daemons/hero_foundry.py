"""Git repositories by context, spoken to in Git's own protocol, and a tree of plain files.

`git.sock` is what a port of `git daemon` would be: each connection is given to a daemon of its
own, which starts receive-pack or upload-pack. A push is acknowledged by Git itself.
"""
import os
import socket
import subprocess
import sys
import threading

from daemon import data, in_sockets, one_name, serve, unbound

HOME = data("hero_foundry")
REPOSITORIES = os.path.join(HOME, "git")
WHO = {
    "GIT_%s_%s" % (role, what): value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "demo"), ("EMAIL", "demo@localhost"), ("DATE", "@1700000000 +0000"))
}
ENVIRONMENT = dict(
    os.environ, HOME=HOME, GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_NOSYSTEM="1", **WHO
)
SETTINGS = {"receive.autogc": "false", "gc.auto": "0"}


def git(*words):
    done = subprocess.run(["git", *words], env=ENVIRONMENT, check=True, stdout=subprocess.PIPE)
    return done.stdout.decode().strip()


def contexts():
    return os.listdir(REPOSITORIES) if os.path.isdir(REPOSITORIES) else []


def context_create(_context, name):
    """Makes a context: a repository, a fork that borrows its objects, and a folder for files."""
    if name in contexts():
        return
    home = os.path.join(REPOSITORIES, one_name(name))
    os.makedirs(home, exist_ok=True)
    work, fork = (os.path.join(home, part) for part in ("work.git", "fork.git"))
    for path in (work, fork):
        git("init", "-q", "--bare", path)
        for key, value in SETTINGS.items():
            git("-C", path, "config", key, value)
    with open(os.path.join(fork, "objects", "info", "alternates"), "w") as out:
        out.write(os.path.join(work, "objects") + "\n")
    tree = git("-C", work, "hash-object", "-w", "-t", "tree", "/dev/null")
    first = git("-C", work, "commit-tree", tree, "-m", "the beginning of " + name)
    for path in (work, fork):
        git("-C", path, "update-ref", "refs/heads/main", first)
    os.makedirs(os.path.join(HOME, "webdav", name), exist_ok=True)


def file_put(context, name, text):
    """Keeps a plain file."""
    with open(os.path.join(HOME, "webdav", context, one_name(name)), "w") as out:
        out.write(text)


def one(connection):
    with connection:
        subprocess.run(
            ["git", "daemon", "--inetd", "--export-all", "--enable=receive-pack"]
            + ["--base-path=" + REPOSITORIES, REPOSITORIES],
            env=ENVIRONMENT,
            stdin=connection,
            stdout=connection,
            stderr=subprocess.DEVNULL,
        )


def listen():
    in_sockets("hero_foundry")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(unbound("git.sock"))
    listener.listen(64)
    return listener


def accept(listener):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=one, args=(connection,), daemon=True).start()


if "--info" not in sys.argv:
    threading.Thread(target=accept, args=(listen(),), daemon=True).start()
serve(
    "hero_foundry",
    "repositories and files",
    {"context.create": context_create, "file.put": file_put},
    contexts,
    lambda: unbound("git.sock"),
)
