"""F14, F16, F17: disks that are full, that do not flush, or that lose what was not flushed."""
import errno
import os
import pathlib
import resource

from penstock import wait_until

from . import fault

END_SECONDS = 60


def wait_end(world, victim, seconds=END_SECONDS):
    """The broker ends by itself and says why."""
    wait_until(lambda: victim.process.poll() is not None, seconds, f"broker {victim.node_id} ends by itself")
    if victim.process.returncode != 1 or "failed" not in victim.log_tail():
        raise AssertionError(f"broker {victim.node_id} ended with {victim.process.returncode}:\n{victim.log_tail()}")
    victim.process = None


def fill(directory):
    """Takes all the space that there is."""
    path = directory / "filler"
    with open(path, "wb", buffering=0) as file:
        try:
            while file.write(bytes(1 << 16)):
                pass
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
    return path


@fault("F14", "a broker's disk is full, or its files may not grow: it ends by itself; started again when there is space",
       tmpfs=True)
def full(world):
    victim = world.chance.choice((world.leader, world.follower))()
    if world.chance.random() < 0.5:
        world.count("disk full")
        filler = fill(victim.data)
        try:
            # It ends at the first write that does not fit. Preallocated space lasts for a while.
            wait_end(world, victim)
        finally:
            filler.unlink()
    else:
        world.count("file size limit")
        largest = max(path.stat().st_size for path in victim.data.glob("*-*/*.log"))
        resource.prlimit(victim.process.pid, resource.RLIMIT_FSIZE, (largest + 1000, resource.RLIM_INFINITY))
        wait_end(world, victim)
    world.wait_acked(30)
    victim.start(wait=False)


@fault("F16", "fsync fails, once or from now on, for a partition, a checkpoint or the metadata log: the broker ends by "
       "itself; started again", shim=True, topic_config={"flush.messages": "50"})
def failing_fsync(world):
    victim = world.chance.choice((world.leader, world.follower))()
    what = world.chance.choice((f"/{world.chance.choice(world.topics)}-", "-checkpoint", "/__cluster_metadata-0/"))
    world.count(f"fsync of {what.strip('/')}")
    victim.shim_control.write_text(what)
    try:
        if "metadata" in what:
            world.change_metadata()
        wait_end(world, victim)
    finally:
        victim.shim_control.unlink()
    world.wait_acked(30)
    victim.start(wait=False)


def lose_unsynced(node):
    """What a power cut may do: of every file of a partition remains what was flushed."""
    synced = {}
    for line in node.shim_journal.read_text().splitlines():
        size, path = line.split(" ", 1)
        synced[pathlib.Path(path)] = int(size)
    lost = 0
    for path in node.data.glob("*-*/*"):
        if path in synced:
            size = synced[path]
        elif path.with_name(path.name + ".tmp") in synced:
            continue  # Written beside, flushed and renamed.
        else:
            size = 0
        if path.stat().st_size > size:
            lost += path.stat().st_size - size
            os.truncate(path, size)
    return lost


@fault("F17", "a power cut: kill -9, and of each file only what was flushed remains", shim=True)
def power_cut(world):
    victim = world.chance.choice((world.leader, world.follower, world.cluster.leader))()
    victim.kill()
    if lose_unsynced(victim) > 0:
        world.count("bytes were lost")
    world.sleep(0, 3)
    victim.start(wait=False)
