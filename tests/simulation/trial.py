"""One trial: a seed's world against the oracle, and the smallest history that still fails."""

import random
import traceback
from dataclasses import dataclass, replace
from typing import Any

from eventstac.compose import compose
from eventstac.facts import Fact
from tests.simulation.faults import NEED_RECONCILE, Faults, kinds_of
from tests.simulation.histories import Step, history
from tests.simulation.oracle import ExpectedAsset, ExpectedItem, expected
from tests.simulation.world import World
from tests.twins.catalog import facts_of

_DICE = 30  # throws that shrinking tries before it believes that something is needed


@dataclass(frozen=True)
class Trial:
    """What is tried: a seed, the kinds of faults, which steps of its history (None: all), and how the dice fall."""

    seed: int
    kinds: frozenset[str]
    only: tuple[int, ...] | None = None
    dice: int = 0

    @property
    def steps(self) -> tuple[Step, ...]:
        losses, rule_changes = "losses" in self.kinds, "rule-changes" in self.kinds
        whole = history(self.seed, losses=losses, rule_changes=rule_changes)
        return whole if self.only is None else tuple(whole[index] for index in self.only)

    def command(self) -> str:
        """What replays it."""
        words = [
            "python -m tests.simulation",
            "--seed",
            str(self.seed),
            "--faults",
            ",".join(sorted(self.kinds)) or "none",
        ]
        if self.only is not None:
            words += ["--only", ",".join(map(str, self.only))]
        if self.dice:
            words += ["--dice", str(self.dice)]
        return " ".join(words)


def trial_of(seed: int) -> Trial:
    return Trial(seed, kinds_of(seed))


def problems_of(trial: Trial) -> list[str]:
    """What is wrong at the end; nothing where the catalog is what the storage says."""
    try:
        world = play(trial)
    except Exception as failure:  # noqa: BLE001 - a bug anywhere is what a trial is to find
        where = traceback.extract_tb(failure.__traceback__)[-1]
        return [f"{type(failure).__name__}: {failure} ({where.filename}:{where.lineno})"]
    return problems_in(world)


def problems_in(world: World) -> list[str]:
    """What is wrong in a world that is at rest."""
    return [*_differences(world), *_leftovers(world)]


def play(trial: Trial) -> World:
    """The world at the end: after what changed rules begin by themselves, and a reconcile where events were lost."""
    random.seed(trial.seed)  # the product's own jitter
    world = World(trial.steps, Faults(f"{trial.seed}/{trial.dice}", trial.kinds))
    world.run()
    world.attend()
    if world.needs_reconcile:
        world.reconcile()
    return world


def smallest(trial: Trial) -> Trial:
    """Leave out kinds of faults, then steps, as long as it still fails, however the dice have to fall for it."""
    for kind in sorted(trial.kinds - NEED_RECONCILE):
        trial = _failing(replace(trial, kinds=trial.kinds - {kind})) or trial
    trial = replace(trial, only=tuple(range(len(trial.steps))))
    shrunk = True
    while shrunk:
        shrunk = False
        for index in trial.only or ():
            rest = tuple(each for each in trial.only or () if each != index)
            without = _failing(replace(trial, only=rest))
            if without:
                trial, shrunk = without, True
                break
    return trial


def _failing(trial: Trial) -> Trial | None:
    """The trial with dice that make it fail: what is left out changes how they fall for the rest."""
    tried = (replace(trial, dice=dice) for dice in (trial.dice, *range(_DICE)))
    return next((one for one in tried if problems_of(one)), None)


def report(trial: Trial) -> str:
    """The smallest trace of a failing trial, what is wrong at its end, and what replays it."""
    least = smallest(trial)
    lines = [
        f"seed {trial.seed} fails; the least of it, with {', '.join(sorted(least.kinds)) or 'no faults'}:",
        *(f"  {step}" for step in least.steps),
        *(f"  => {problem}" for problem in problems_of(least)),
        f"  {least.command()}",
    ]
    return "\n".join(lines)


def _differences(world: World) -> list[str]:
    wanted, shown = expected(world.truth()), {key: _shown(item) for key, item in world.catalog.items.items()}
    problems = [
        f"{'/'.join(key)} is {shown.get(key)}\n     expected {wanted.get(key)}"
        for key in sorted(wanted.keys() | shown.keys())
        if wanted.get(key) != shown.get(key)
    ]
    for key, item in world.catalog.items.items():
        thumbnail = item["assets"].get("thumbnail")
        if thumbnail and thumbnail["href"] not in world.storage.stored:
            problems.append(f"{'/'.join(key)} has a thumbnail that is not there")
    for key, facts in _facts_by_item(world).items():
        rebuilt = compose(reversed(facts), world.catalog.in_force.collection(key[0])).item
        if rebuilt != world.catalog.items.get(key):
            problems.append(f"{'/'.join(key)} is another when it is rebuilt from its facts")
    if world.replica != world.catalog.items:
        told, there = sorted(world.replica), sorted(world.catalog.items)
        problems.append(f"who follows the events for the world has other Items: {told} of {there}")
    return problems


def _facts_by_item(world: World) -> dict[tuple[str, str], tuple[Fact, ...]]:
    known = world.catalog.known
    keys = {*world.catalog.items, *(fact.item_key for fact in known.values())}
    return {key: facts_of(key, known) for key in keys}


def _leftovers(world: World) -> list[str]:
    dead = [f"dead letter in {'/'.join(entry.key)}: {entry.message.body}" for entry in world.bus.dead]
    # Nothing but a COG of what no rule knew just then, or of its own COG, may be given up.
    given_up = [
        f"rejected: {one.reason}: {one.detail}"
        for one in world.catalog.rejections.values()
        if one.reason not in ("cogs-of-each-other", "cog-of-a-cog")
        and (one.reason != "no-rule" or "rule-changes" not in world.faults.kinds)
    ]
    return dead + given_up


def _shown(item: dict[str, Any]) -> ExpectedItem:
    """What an Item shows, in the oracle's words."""
    properties = item["properties"]
    west, south, east, north = item["bbox"]
    return ExpectedItem(
        assets={
            name: ExpectedAsset(asset["href"], asset["updated"])
            for name, asset in item["assets"].items()
            if name != "thumbnail"
        },
        bbox=(west, south, east, north),
        updated=properties["updated"],
        datetime=properties["datetime"],
    )
