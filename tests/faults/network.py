"""A network of our own: each node lives in a network namespace, and a program between them passes every packet on,
or drops it, or delays it. (The kernel's netem is not everywhere; this is slower and needs nothing but TUN.)

    network = Network(3); network.hosts[1] is the address of node 1; clients on this machine reach all of them.
    network.rules({(1, 2): Rule(drop=1.0)})   one way, from node 1 to node 2; node 0 is this machine

Needs root. close() ends the program and takes the namespaces away.
"""
import ctypes
import dataclasses
import fcntl
import heapq
import multiprocessing
import os
import random
import select
import struct
import subprocess
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
CLONE_NEWNET = 0x40000000
MTU = 16384
QUEUED_MAX = 20000  # Delayed packets; more are dropped, as a full router does.


@dataclasses.dataclass(frozen=True)
class Rule:
    """What happens to packets of one direction."""
    drop: float = 0.0     # The share that is lost.
    delay_ms: float = 0.0
    jitter_ms: float = 0.0  # On top, drawn for each packet: so they overtake each other.


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def open_tun(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return fd


def open_tun_in(namespace, name):
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        if libc.setns(there, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {namespace}")
        return open_tun(name)
    finally:
        libc.setns(home, CLONE_NEWNET)
        os.close(there)
        os.close(home)


class Network:
    def __init__(self, nodes, seed=1):
        number = os.getpid() % 250 + 1
        self.prefix = f"pnf{os.getpid()}"
        self.hosts = {node: f"10.213.{number}.{node}" for node in range(1, nodes + 1)}
        here = f"10.213.{number}.254"
        self.namespaces = {node: f"{self.prefix}-{node}" for node in self.hosts}
        self._process = None
        devices = {}
        try:
            devices[0] = open_tun(self.prefix)
            self._configure((), self.prefix, here)
            for node, namespace in self.namespaces.items():
                ip("netns", "add", namespace)
                devices[node] = open_tun_in(namespace, "net0")
                ip("-n", namespace, "link", "set", "lo", "up")
                self._configure(("-n", namespace), "net0", self.hosts[node])
            self._orders, orders = multiprocessing.Pipe()
            self._process = multiprocessing.get_context("fork").Process(
                target=pass_on, args=(devices, {a: n for n, a in {**self.hosts, 0: here}.items()}, orders, seed),
                daemon=True)
            self._process.start()
        except BaseException:
            self.close()
            raise
        finally:
            for fd in devices.values():
                os.close(fd)

    def _configure(self, where, device, address):
        ip(*where, "addr", "add", f"{address}/24", "dev", device)
        ip(*where, "link", "set", device, "mtu", str(MTU), "up")

    def launcher(self, node):
        return ("ip", "netns", "exec", self.namespaces[node])

    def rules(self, rules):
        """Replaces all rules: {(from, to): Rule}."""
        self._orders.send(rules)
        self._orders.recv()

    def heal(self):
        self.rules({})

    def reset_connections(self, node, is_on):
        """Every TCP packet that comes to the node is answered with a reset."""
        ip("netns", "exec", self.namespaces[node], "iptables", "-w", "-A" if is_on else "-D", "INPUT", "-i", "net0",
           "-p", "tcp", "-j", "REJECT", "--reject-with", "tcp-reset")

    def close(self):
        if self._process is not None:
            self._process.terminate()
            self._process.join()
        for namespace in self.namespaces.values():
            subprocess.run(["ip", "netns", "del", namespace], capture_output=True)


def pass_on(devices, nodes, orders, seed):
    """The program between: `nodes` is by address, `devices` by node."""
    chance = random.Random(seed)
    nodes = {bytes(map(int, address.split("."))): node for address, node in nodes.items()}
    rules, queue, number = {}, [], 0
    poller = select.poll()
    poller.register(orders, select.POLLIN)
    senders = {fd: node for node, fd in devices.items()}
    for fd in senders:
        poller.register(fd, select.POLLIN)
    while True:
        timeout = None if not queue else max(0.0, (queue[0][0] - time.monotonic()) * 1000)
        for fd, _ in poller.poll(timeout):
            if fd not in senders:
                rules = orders.recv()
                orders.send(True)
                continue
            for packet in packets(fd):
                to = nodes.get(packet[16:20])
                if to is None:
                    continue
                rule = rules.get((senders[fd], to))
                if rule is None:
                    put(devices[to], packet)
                elif chance.random() >= rule.drop and len(queue) < QUEUED_MAX:
                    due = time.monotonic() + (rule.delay_ms + chance.random() * rule.jitter_ms) / 1000
                    number += 1
                    heapq.heappush(queue, (due, number, devices[to], packet))
        while queue and queue[0][0] <= time.monotonic():
            _, _, fd, packet = heapq.heappop(queue)
            put(fd, packet)


def packets(fd):
    try:
        for _ in range(64):
            yield os.read(fd, MTU + 64)
    except BlockingIOError:
        pass


def put(fd, packet):
    try:
        os.write(fd, packet)
    except OSError:
        pass  # A full queue: TCP sends it again.
