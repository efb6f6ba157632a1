"""F18 to F21: files that are not what they were when a broker comes back."""
import os
import shutil

from penstock import wait_until
from safety import describe

from . import fault

SIDE_FILES = ("*.index", "*.timeindex", "*.snapshot", "leader-epoch-checkpoint", "partition.metadata")
ROOT_FILES = ("recovery-point-offset-checkpoint", "replication-offset-checkpoint", "log-start-offset-checkpoint")


def last_segment(replica):
    return sorted(replica.glob("*.log"))[-1]


def content_size(path):
    return len(path.read_bytes().rstrip(b"\0"))


@fault("F18", "kill -9, and the end of a segment, an index or a checkpoint is torn off")
def torn(world):
    victim = world.any_node()
    victim.kill()
    replica = world.replica(victim)
    kind = world.chance.choice(("segment", "index", "checkpoint"))
    indexes = [p for pattern in SIDE_FILES[:3] for p in sorted(replica.glob(pattern))]
    if kind == "index" and not indexes:  # A young log has none yet.
        kind = "segment"
    world.count(kind)
    if kind == "segment":
        path = last_segment(replica)
        os.truncate(path, max(0, content_size(path) - world.chance.randrange(1, 5000)))
    elif kind == "index":
        path = world.chance.choice(indexes)
        os.truncate(path, max(0, path.stat().st_size - world.chance.randrange(1, 100)))
    else:
        path = victim.data / world.chance.choice(ROOT_FILES)
        if path.exists():
            os.truncate(path, max(0, path.stat().st_size - world.chance.randrange(1, 40)))
    victim.start(wait=False)


@fault("F19", "kill -9, and the end of a segment is zeros")
def zeros(world):
    victim = world.any_node()
    victim.kill()
    path = last_segment(world.replica(victim))
    size = content_size(path)
    with open(path, "r+b") as file:
        file.seek(max(0, size - world.chance.randrange(0, 5000)))
        file.write(bytes(world.chance.randrange(1, 10000)))
    victim.start(wait=False)


def flip_bits(world, path, least, most):
    """In bytes from `least` to `most`."""
    with open(path, "r+b") as file:
        for _ in range(world.chance.randrange(1, 10)):
            at = world.chance.randrange(least, most)
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 1 << world.chance.randrange(8)]))


@fault("F20", "bits of a segment flip while its broker is away, after kill -9 or a clean stop; where nobody can notice "
       "before it is read, the replica is thrown away and copied anew")
def flipped(world):
    victim = world.any_node()
    is_clean = world.chance.random() < 0.5
    victim.stop() if is_clean else victim.kill()
    replica = world.replica(victim)
    path = world.chance.choice(sorted(replica.glob("*.log")))
    size = content_size(path)
    if size == 0:
        victim.start(wait=False)
        return
    before = path.read_bytes()
    flip_bits(world, path, 0, size)
    victim.start()
    if is_mended(before[:size], path, 10):
        world.count("noticed at the start and mended from the leader")
        return
    world.count(f"not noticed at the start, after a {'clean stop' if is_clean else 'kill'}: copied anew")
    victim.kill()  # So that nobody believes that it still has what it had.
    shutil.rmtree(replica)
    victim.start(wait=False)


def is_mended(content, path, seconds):
    return comes_true(lambda: path.exists() and path.read_bytes()[:len(content)] == content, seconds)


def comes_true(condition, seconds):
    try:
        return wait_until(condition, seconds, "")
    except AssertionError:
        return False


@fault("F21", "kill -9, and a file beside the segments, or a checkpoint of the directory, is garbage, empty or gone; or "
       "quorum-state is, which the broker refuses until it is put back")
def damaged_side_file(world):
    victim = world.any_node()
    victim.kill()
    if world.chance.random() < 0.2:
        return refuses_quorum_state(world, victim)
    replica = world.replica(victim)
    files = [p for pattern in SIDE_FILES for p in sorted(replica.glob(pattern))]
    files += [victim.data / name for name in ROOT_FILES if (victim.data / name).exists()]
    path = world.chance.choice(files)
    how = world.chance.choice(("garbage", "empty", "gone"))
    world.count(f"{path.name.split('.')[-1]} {how}")
    good = path.read_bytes()
    damage(world, path, how)
    victim.start(wait=False)
    # Of these two nothing can be made from the log: what to do is said and the file is put back.
    if not comes_back(world, victim):
        world.count(f"refused until mended: {path.name.split('.')[-1]}")
        if victim.process.poll() is None:
            victim.kill()
        victim.process = None
        path.write_bytes(good)
        victim.start(wait=False)


def damage(world, path, how):
    if how == "gone":
        path.unlink()
    elif how == "empty":
        os.truncate(path, 0)
    else:
        path.write_bytes(world.chance.randbytes(max(10, path.stat().st_size)))


def comes_back(world, victim):
    """Whether every replica is served again."""
    def back():
        if victim.process.poll() is not None:
            return True
        return victim.is_ready() and all(
            victim.node_id in isr for topic in world.topics
            for _, isr in describe(world.cluster, topic).values())
    return comes_true(back, 30) and victim.process.poll() is None


def refuses_quorum_state(world, victim):
    path = victim.data / "__cluster_metadata-0" / "quorum-state"
    good = path.read_bytes()
    how = world.chance.choice(("garbage", "empty"))
    world.count(f"quorum-state {how}")
    damage(world, path, how)
    victim.start(wait=False)
    wait_until(lambda: victim.process.poll() is not None, 30, "a broker with a damaged quorum-state refuses to start")
    if victim.process.returncode == 0 or "quorum-state" not in victim.log_tail():
        raise AssertionError(f"it ended with {victim.process.returncode}:\n{victim.log_tail()}")
    victim.process = None
    path.write_bytes(good)
    victim.start(wait=False)
