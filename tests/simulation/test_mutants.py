"""The simulation finds what it is for: each fault that is put into our own code fails some seed."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

import pytest

from eventstac import facts, matching
from eventstac.bus import ASSET_FACTS, Outgoing
from eventstac.catalog.port import Announcement, Merged
from eventstac.events import BlobMatched, ScanRequested
from eventstac.events.asset import AssetEvent
from eventstac.facts import Fact, Finding
from eventstac.reconciling import Reconciler, Step
from eventstac.rules.applied import AppliedRules
from eventstac.runs import Gap, Run
from tests.simulation.catalog import SimulatedCatalog
from tests.simulation.trial import Trial, problems_of, report, smallest, trial_of
from tests.twins.catalog import MemoryCatalog, Staged
from tests.twins.runs import MemoryRuns

SEEDS = 2500
FIRST_SEEDS = {  # one seed of thousands notices it
    "what_was_under_way_while_rules_changed_stays": 13_300,
    "what_was_committed_during_a_run_was_looked_at_during_it": 250,
}

Patch = pytest.MonkeyPatch


def no_revision(patch: Patch) -> None:
    """At one ETag, what was read by older rules may stand."""

    def stands(mine: Finding, other: Finding) -> Finding:
        if mine.condition != other.condition:
            return max(mine, other, key=lambda finding: finding.order)
        chosen = max(mine, other, key=lambda finding: (finding.state == "present", finding.meaning()))
        return replace(chosen, seen=max(mine.seen, other.seen))

    patch.setattr(facts, "stands", stands)


def no_second_look(patch: Patch) -> None:
    patch.setattr("tests.twins.catalog.unsure", lambda mine, other, window_s: False)


def no_outbox(patch: Patch) -> None:
    """What a commit announced is only in the memory of the process that publishes it."""

    def publish(catalog: MemoryCatalog, send: Callable[[Sequence[Announcement]], None]) -> int:
        catalog.answer()
        announced = list(catalog.outbox)
        catalog.outbox.clear()
        if announced:
            send(announced)
        return len(announced)

    patch.setattr(MemoryCatalog, "publish_outbox", publish)


def retry_to_all_subscriptions(patch: Patch) -> None:
    patch.setattr("eventstac.consumption.RETRY_FOR", "retrywhatever")


def claims_do_not_stick(patch: Patch) -> None:
    """A look that knows nothing of a COG takes what is known away."""
    patch.setattr(
        "tests.twins.catalog.join",
        lambda mine, other, now: replace(facts.join(mine, other, now), claim=other.claim),
    )


def gone_is_never_recorded(patch: Patch) -> None:
    def join(mine: Fact, other: Fact, now: datetime) -> Fact:
        return mine if other.finding.state == "gone" else facts.join(mine, other, now)

    patch.setattr("tests.twins.catalog.join", join)


def the_last_write_wins(patch: Patch) -> None:
    """A stale look overwrites."""
    patch.setattr(
        "tests.twins.catalog.join",
        lambda mine, other, now: replace(facts.join(mine, other, now), finding=other.finding),
    )


def read_before_the_lock(patch: Patch) -> None:
    def merge(catalog: SimulatedCatalog, arrived: Sequence[Fact]) -> Merged:
        catalog.answer()
        staged = catalog.stage(arrived)
        catalog.waiting_for_locks()
        catalog.commit(staged)
        return staged.merged

    patch.setattr(SimulatedCatalog, "merge", merge)


def archived_is_no_state(patch: Patch) -> None:
    """A tier changes no ETag, so ETags alone do not tell states apart."""
    patch.setattr(Finding, "condition", property(lambda found: (found.etag, found.state == "gone", False)))


def a_run_is_over_before_its_looks_are_sent(patch: Patch) -> None:
    look = Reconciler._look

    def look_and_end(
        reconciler: Reconciler, run: Run, request: ScanRequested, after: str, applied: AppliedRules
    ) -> Step:
        step = look(reconciler, run, request, after, applied)
        if step.following is None or (step.following.continuation or "").startswith("look:"):
            return step
        reconciler._end(run)
        return replace(step, following=None)

    patch.setattr(Reconciler, "_look", look_and_end)


def deleted_directories_are_forgotten(patch: Patch) -> None:
    """A first look that was under way when its directory went brings its blob into the catalog."""
    patch.setattr(MemoryCatalog, "note_deleted_directory", lambda catalog, prefix, at: None)


def what_was_read_otherwise_is_carried_on(patch: Patch) -> None:
    """New rules say to read a blob in another way, and nobody does."""
    patch.setattr(
        "eventstac.matching._reads_alike",
        lambda finding, match, applied: finding.extractor >= applied.extractor,
    )


def what_an_older_extractor_read_is_carried_on(patch: Patch) -> None:
    patch.setattr(
        "eventstac.matching._reads_alike",
        lambda finding, match, applied: dict(finding.match.options) == dict(match.options),
    )


def what_an_older_extractor_read_counts_as_the_newer_one_s(patch: Patch) -> None:
    patch.setattr(matching, "is_outread", lambda finding, applied: False)


def what_is_carried_on_means_what_it_meant(patch: Patch) -> None:
    """A new revision is said of the old meaning."""
    carried = matching.carried

    def carry(known: Fact | None, look: BlobMatched, applied: AppliedRules) -> AssetEvent | None:
        event = carried(known, look, applied)
        if event is None or known is None or known.claim:
            return event
        return replace(event, finding=replace(event.finding, match=known.finding.match))

    patch.setattr("eventstac.reconciling.carried", carry)
    patch.setattr("scanner.scan.carried", carry)


def what_a_rule_says_now_is_taken_for_what_it_said(patch: Patch) -> None:
    """A blob that a rule still matches in the same way is left alone, whatever else the rule says."""
    same_since = AppliedRules.same_since
    patch.setattr(
        AppliedRules, "same_since", lambda applied, match: 0 if match else same_since(applied, None)
    )


def what_was_under_way_while_rules_changed_stays(patch: Patch) -> None:
    patch.setattr("tests.twins.catalog.is_overtaken", lambda *_: False)


def what_leaves_by_the_rules_before_leaves_by_those_in_force(patch: Patch) -> None:
    """A run goes on though the rules changed, withdraws what others did not know, and nothing looks at that again."""
    find, cause, is_by = MemoryRuns.find, Reconciler._cause, matching.is_by_these_rules

    def of_any_rules(runs: MemoryRuns, run_id: str) -> Run | None:
        run = find(runs, run_id)
        return replace(run, revision=1_000_000) if run else None

    def unasked(
        reconciler: Reconciler, gap: Gap, fact: Fact | None, applied: AppliedRules, run: Run
    ) -> Outgoing | None:
        if gap.status != "withdrawn":
            return cause(reconciler, gap, fact, applied, run)
        event = matching._withdrawal(fact, applied, cause=run.id)
        return Outgoing(ASSET_FACTS, event) if event else None

    patch.setattr(MemoryRuns, "find", of_any_rules)
    patch.setattr(Reconciler, "_cause", unasked)
    patch.setattr(
        "tests.twins.runs.is_by_these_rules",
        lambda known, match, applied: known.revision >= applied.revision or is_by(known, match, applied),
    )


def a_run_whose_message_was_lost_stays_where_it_is(patch: Patch) -> None:
    patch.setattr(MemoryRuns, "take_stalled", lambda runs: None)


def what_was_committed_during_a_run_was_looked_at_during_it(patch: Patch) -> None:
    """A fact that waited is believed rather than the listing, though its look is older."""
    commit = MemoryCatalog.commit
    committed: dict[tuple[int, str], datetime] = {}

    def note_and_commit(catalog: MemoryCatalog, staged: Staged) -> None:
        commit(catalog, staged)
        committed.update({(id(catalog), url): catalog.clock() for url in staged.fresh})

    def is_newer(runs: MemoryRuns, fact: Fact, _listed: datetime) -> bool:
        answers = [*runs.answers.values()][-1]
        return committed[id(runs.catalog), fact.url] > min(min(dates) for dates in answers.values())

    patch.setattr(MemoryCatalog, "commit", note_and_commit)
    patch.setattr(MemoryRuns, "_is_newer", is_newer)


MUTANTS = (
    what_was_committed_during_a_run_was_looked_at_during_it,
    what_a_rule_says_now_is_taken_for_what_it_said,
    what_was_under_way_while_rules_changed_stays,
    what_leaves_by_the_rules_before_leaves_by_those_in_force,
    a_run_whose_message_was_lost_stays_where_it_is,
    what_was_read_otherwise_is_carried_on,
    what_an_older_extractor_read_is_carried_on,
    what_an_older_extractor_read_counts_as_the_newer_one_s,
    what_is_carried_on_means_what_it_meant,
    no_revision,
    no_second_look,
    no_outbox,
    retry_to_all_subscriptions,
    claims_do_not_stick,
    gone_is_never_recorded,
    the_last_write_wins,
    read_before_the_lock,
    archived_is_no_state,
    a_run_is_over_before_its_looks_are_sent,
    deleted_directories_are_forgotten,
)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("mutate", MUTANTS, ids=lambda mutate: str(mutate.__name__))
def test_a_fault_in_our_own_code_is_caught(mutate: Callable[[Patch], None], monkeypatch: Patch) -> None:
    mutate(monkeypatch)
    first = FIRST_SEEDS.get(mutate.__name__, 0)
    found = next(
        (trial for seed in range(first, first + SEEDS) if problems_of(trial := trial_of(seed))), None
    )
    assert found is not None, f"{SEEDS} seeds notice nothing"


def test_a_failing_seed_tells_the_least_that_fails_and_what_replays_it(monkeypatch: Patch) -> None:
    gone_is_never_recorded(monkeypatch)
    found = next(trial for seed in range(SEEDS) if problems_of(trial := trial_of(seed)))
    least = smallest(found)
    assert len(least.steps) <= 3
    told = report(found)
    assert all(str(step) in told for step in least.steps)
    assert told.endswith(least.command())
    words = least.command().split()
    kinds = frozenset(words[words.index("--faults") + 1].split(",")) - {"none"}
    only = tuple(int(index) for index in words[words.index("--only") + 1].split(","))
    dice = int(words[words.index("--dice") + 1]) if "--dice" in words else 0
    assert Trial(found.seed, kinds, only, dice) == least
