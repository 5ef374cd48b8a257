"""Joins standard input and output to a Unix socket: what `git push ext::` reaches a server with.

A connection is made from the socket's folder, whose path may be too long for an address.
"""
import os
import select
import socket
import sys

path = sys.argv[1]
os.chdir(os.path.dirname(path))
peer = socket.socket(socket.AF_UNIX)
peer.connect(os.path.basename(path))


def pump():
    """Copies both ways until the peer has said everything."""
    ends = [0, peer]
    while True:
        for ready in select.select(ends, [], [])[0]:
            piece = os.read(0, 65536) if ready == 0 else peer.recv(65536)
            if ready == 0 and piece:
                peer.sendall(piece)
            elif ready == 0:
                peer.shutdown(socket.SHUT_WR)
                ends.remove(0)
            elif piece:
                sys.stdout.buffer.write(piece)
                sys.stdout.buffer.flush()
            else:
                return


pump()
