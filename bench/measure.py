"""Runs one command and prints what it took as JSON: wall and CPU seconds, peak memory, exit status.

usage: measure.py STDOUT FOLDER COMMAND...   (STDOUT: a file for the command's output; FOLDER: where it runs)

CPU seconds are those of the whole process tree: this process adopts what the command leaves behind
and waits for it. Peak memory is that of the largest single process; it cannot read below this
interpreter's own, about 12 MiB.
"""

import ctypes
import json
import os
import subprocess
import sys
import tempfile
import time

PR_SET_CHILD_SUBREAPER = 36
LEFTOVERS_S = 5

stdout, folder, *command = sys.argv[1:]
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
with open(stdout, "wb") as out, tempfile.TemporaryFile() as err:
    start = time.monotonic()
    child = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
    _, status, used = os.wait4(child.pid, 0)
    wall = time.monotonic() - start
    err.seek(0)
    lines = err.read().decode(errors="replace").strip().splitlines() or [""]
cpu, peak = used.ru_utime + used.ru_stime, used.ru_maxrss
while time.monotonic() - start < wall + LEFTOVERS_S:
    try:
        pid, _, used = os.wait4(-1, os.WNOHANG)
    except ChildProcessError:
        break
    if pid == 0:
        time.sleep(0.01)
        continue
    cpu, peak = cpu + used.ru_utime + used.ru_stime, max(peak, used.ru_maxrss)
print(json.dumps({
    "wall": wall,
    "cpu": cpu,
    "peak": peak / 1024,
    "status": os.waitstatus_to_exitcode(status),
    "said": " / ".join(line.strip() for line in lines[-2:]),
}))
