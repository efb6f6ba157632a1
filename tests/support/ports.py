"""Ports for listeners whose number has to be known before, and again after, they listen."""
import fcntl
import os
import pathlib
import random
import socket
import tempfile

# Below the range from which the kernel gives outgoing connections theirs (32768 and up, ip_local_port_range): a port
# from there is taken by a client's connection now and then, between two starts of its broker. Above the well-known
# ones; those of Kubernetes (10250 to 10259, 30000 and up) are outside too.
FIRST_PORT, END_PORT = 12000, 30000
TRIES = 1000
# Open as long as this program runs: while one is, no other test is given its port.
claims = []


def free_port():
    directory = pathlib.Path(tempfile.gettempdir()) / "penstock-test-ports"
    directory.mkdir(exist_ok=True)
    for port in random.sample(range(FIRST_PORT, END_PORT), TRIES):
        claim = os.open(directory / str(port), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            os.close(claim)
            continue
        claims.append(claim)
        return port
    raise AssertionError(f"none of {TRIES} ports between {FIRST_PORT} and {END_PORT} is free")
