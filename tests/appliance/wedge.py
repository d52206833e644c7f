"""Stops one thread of a process and nothing else of it: wedge.py PID THREAD-NAME. Stays until the process is gone."""

import ctypes
import os
import sys
import time

PTRACE_ATTACH = 16
# Threads are waited for, too.
WALL = 0x40000000
pid, name = int(sys.argv[1]), sys.argv[2]
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
for thread in os.listdir(f"/proc/{pid}/task"):
    with open(f"/proc/{pid}/task/{thread}/comm", encoding="utf-8") as comm:
        # The kernel keeps 15 characters of a name.
        if comm.read().strip() != name[:15]:
            continue
    if libc.ptrace(PTRACE_ATTACH, int(thread), None, None) != 0:
        sys.exit(f"thread {thread} cannot be stopped: {os.strerror(ctypes.get_errno())}")
    # A thread that is traced is not gone before its tracer has heard of its end. The first answer is that it has stopped.
    stopped = True
    while stopped:
        time.sleep(0.1)
        _, status = os.waitpid(int(thread), os.WNOHANG | WALL)
        stopped = status == 0 or os.WIFSTOPPED(status)
    sys.exit(0)
sys.exit(f"process {pid} has no thread {name}")
