"""The faults that there are. One is a function of the world that does harm and takes it back; what must be true after
that is the runner's. Numbers are those of docs/faults.md."""
import dataclasses
from typing import Callable

from world import Needs


@dataclasses.dataclass
class Fault:
    name: str
    what: str
    run: Callable
    needs: Needs


CATALOGUE = {}


def fault(name, what, **needs):
    def enter(run):
        CATALOGUE[name] = Fault(name, what, run, Needs(**needs))
        return run
    return enter


from . import disks, files, networks, processes  # noqa: E402, F401  They enter themselves.
