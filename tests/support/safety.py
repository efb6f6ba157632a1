"""What must be true of a topic after any fault: each acknowledged record is where its producer was told, once, and all
replicas are equal byte by byte. With what a test needs to wait for it."""
import collections

from penstock import kcat, wait_until


def stored_records(broker, topic):
    """Where each value is: {value: [(partition, offset)]}, read by kcat from the beginning."""
    read = kcat(broker, "-C", "-t", topic, "-e", "-q", "-o", "beginning", "-f", "%s %p %o\n", timeout=300).stdout
    stored = collections.defaultdict(list)
    for line in read.splitlines():
        value, partition, offset = line.split()
        stored[value].append((int(partition), int(offset)))
    return stored


def lost_and_doubled(broker, topic, acked):
    """Of `acked`, (value, partition, offset) each: those that are not there, and values that are there twice."""
    stored = stored_records(broker, topic)
    lost = [one for one in acked if (one[1], one[2]) not in stored[one[0]]]
    return lost, [value for value, places in stored.items() if len(places) > 1]


def check_acked(test, broker, topic, writer):
    lost, doubled = lost_and_doubled(broker, topic, writer.acked)
    print(f"{len(writer.acked)} acknowledged, {len(lost)} lost, {len(doubled)} doubled, {len(writer.failed)} failed",
          flush=True)
    test.assertEqual((lost, doubled, writer.failed), ([], [], []))


def describe(broker, topic):
    """Leader and ISR of each partition, as a broker tells them: {partition: (leader, {broker id})}."""
    found = {}
    for line in kcat(broker, "-L", "-t", topic).stdout.splitlines():
        words = line.replace(",", " ").split()
        if words[:1] != ["partition"]:
            continue
        isrs = line.split("isrs:")[1].split(",")
        found[int(words[1])] = (int(words[3]), {int(number) for number in isrs if number.strip().isdigit()})
    return found


def wait_isr(broker, topic, members, seconds=60):
    """Until the ISR of every partition is just `members`."""
    last = {}

    def reached():
        last.update(now := describe(broker, topic))
        return now and all(isr == members for _, isr in now.values())
    wait_and_tell(reached, seconds, lambda: f"the ISR of each partition is {members}, but {last}")


def replica_bytes(node, topic, partition):
    """The records of one replica. Files may be longer than what is in them, and parted elsewhere."""
    files = sorted((node.data / f"{topic}-{partition}").glob("*.log"))
    return b"".join(path.read_bytes().rstrip(b"\0") for path in files)


def wait_replicas_equal(nodes, topic, partitions, seconds=30):
    """Of every partition of a topic that has records."""
    assert any(replica_bytes(node, topic, partition) for node in nodes for partition in range(partitions))
    for partition in range(partitions):
        sizes = []

        def equal():
            contents = [replica_bytes(node, topic, partition) for node in nodes]
            sizes[:] = [len(content) for content in contents]
            return all(content == contents[0] for content in contents)
        wait_and_tell(equal, seconds, lambda: f"replicas of {topic}-{partition} are equal byte by byte, but of {sizes}")


def wait_and_tell(condition, seconds, what):
    """wait_until() with a text that is made when it fails."""
    try:
        wait_until(condition, seconds, "")
    except AssertionError:
        raise AssertionError(f"not within {seconds} s: {what()}") from None
