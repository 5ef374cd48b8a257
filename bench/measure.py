"""Runs one command and prints what it took as JSON: wall and CPU seconds, peak memory, exit status.

usage: measure.py STDOUT FOLDER COMMAND...   (STDOUT: a file for the command's output; FOLDER: where it runs)

CPU seconds are those of the whole process tree: this process adopts what the command leaves behind
and waits for it. Peak memory is that of the largest single process; it cannot read below this
interpreter's own, about 12 MiB.
"""

import ctypes
import json
import os
import resource
import subprocess
import sys
import time

PR_SET_CHILD_SUBREAPER = 36
LEFTOVERS_S = 5

stdout, folder, *command = sys.argv[1:]
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
with open(stdout, "wb") as out:
    start = time.monotonic()
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE)
    wall = time.monotonic() - start
while time.monotonic() - start < wall + LEFTOVERS_S:
    try:
        if os.waitpid(-1, os.WNOHANG)[0] == 0:
            time.sleep(0.01)
    except ChildProcessError:
        break
used = resource.getrusage(resource.RUSAGE_CHILDREN)
lines = done.stderr.decode(errors="replace").strip().splitlines() or [""]
print(json.dumps({
    "wall": wall,
    "cpu": used.ru_utime + used.ru_stime,
    "peak": used.ru_maxrss / 1024,
    "status": done.returncode,
    "said": lines[-1],
}))
