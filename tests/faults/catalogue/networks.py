"""F6 to F8: what happens between the machines. Node 0 is where the clients are."""
import itertools

from network import Rule

from . import fault

CUT = Rule(drop=1.0)


def both_ways(pairs):
    return {pair: CUT for a, b in pairs for pair in ((a, b), (b, a))}


def grudge(world):
    """Who does not hear whom."""
    victim = world.chance.choice((world.leader, world.cluster.leader, world.any_node))().node_id
    others = [node for node in (1, 2, 3) if node != victim]
    one = world.chance.choice(others)
    return world.chance.choice([
        ("one node from the others", both_ways((victim, other) for other in others)),
        ("one node from all, and from clients", both_ways((victim, other) for other in (0, *others))),
        ("one node from clients", both_ways([(victim, 0)])),
        ("two nodes from each other", both_ways([(victim, one)])),
        ("one node hears nobody", {(other, victim): CUT for other in others}),
        ("nobody hears one node", {(victim, other): CUT for other in others}),
        ("each from each", both_ways(itertools.combinations((1, 2, 3), 2))),
    ])


@fault("F6", "a partition of the network for 2 to 20 s: whole, one-way, of clients alone, of two nodes, of all",
       network=True)
def partition(world):
    what, rules = grudge(world)
    world.count(what)
    world.network.rules(rules)
    try:
        world.sleep(2, 20)
    finally:
        world.network.heal()


@fault("F7", "1 to 30 % of all packets are lost for 3 to 15 s, or all connections of one node reset again and again",
       network=True)
def loss(world):
    if world.chance.random() < 0.5:
        world.count("packets lost")
        rule = Rule(drop=world.chance.uniform(0.01, 0.3))
        world.network.rules({pair: rule for pair in itertools.permutations((0, 1, 2, 3), 2)})
        try:
            world.sleep(3, 15)
        finally:
            world.network.heal()
        return
    world.count("connections reset")
    node = world.any_node().node_id
    for _ in range(world.chance.randrange(1, 6)):
        world.network.reset_connections(node, True)
        try:
            world.sleep(0.05, 1)
        finally:
            world.network.reset_connections(node, False)
        world.sleep(0, 2)


@fault("F8", "every packet comes 50 to 100 ms late, with up to 50 ms of jitter, for 3 to 15 s", network=True)
def delay(world):
    rule = Rule(delay_ms=world.chance.uniform(50, 100), jitter_ms=world.chance.uniform(0, 50))
    world.network.rules({pair: rule for pair in itertools.permutations((0, 1, 2, 3), 2)})
    try:
        world.sleep(3, 15)
    finally:
        world.network.heal()
