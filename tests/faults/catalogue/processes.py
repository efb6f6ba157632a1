"""F1 to F5: processes that die, stop or stall."""
import signal
import time

from . import fault


@fault("F1", "kill -9 of a leader, a follower or the active controller; started again after up to 5 s")
def crash(world):
    role = world.chance.choice(("leader", "follower", "controller"))
    victim = {"leader": world.leader, "follower": world.follower, "controller": world.cluster.leader}[role]()
    world.count(f"{role} killed")
    victim.kill()
    world.sleep(0, 5)
    victim.start(wait=False)


@fault("F2", "kill -9 of all brokers at once, started again in any order; or of each new leader in turn, without pause")
def crash_all(world):
    if world.chance.random() < 0.5:
        world.count("all at once")
        for node in world.nodes:
            node.kill()
        world.sleep(0, 2)
        order = world.nodes
        world.chance.shuffle(order)
        for node in order:
            node.start(wait=False)
            world.sleep(0, 3)
        return
    world.count("leaders chased")
    for _ in range(5):
        victim = world.leader()
        victim.kill()
        world.sleep(0, 1)
        victim.start(wait=False)


@fault("F2A", "kill -9 of all brokers at once, started again in any order")
def crash_all_at_once(world):
    for node in world.nodes:
        node.kill()
    order = world.nodes
    world.chance.shuffle(order)
    for node in order:
        node.start(wait=False)
        world.sleep(0, 3)


@fault("F3", "a clean stop of one broker within 30 s; started again")
def stop(world):
    victim = world.any_node()
    victim.stop()  # Fails if it takes longer, or does not end with 0.
    world.sleep(0, 3)
    victim.start(wait=False)


@fault("F4", "SIGSTOP of a leader for 1 to 15 s, which then wakes up as a leader of the past")
def pause(world):
    victim = world.leader()
    victim.process.send_signal(signal.SIGSTOP)
    try:
        world.sleep(1, 15)
    finally:
        victim.process.send_signal(signal.SIGCONT)


@fault("F5", "SIGSTOP of both writers for 1 to 15 s, in half of the cases with a leader killed meanwhile")
def pause_clients(world):
    victim = world.leader() if world.chance.random() < 0.5 else None
    for writer in world.writers.values():
        writer.process.send_signal(signal.SIGSTOP)
    try:
        begin = time.monotonic()
        seconds = world.chance.uniform(1, 15)
        if victim:
            world.count("leader killed meanwhile")
            victim.kill()
            victim.start(wait=False)
        time.sleep(max(0.0, begin + seconds - time.monotonic()))
    finally:
        for writer in world.writers.values():
            writer.process.send_signal(signal.SIGCONT)
