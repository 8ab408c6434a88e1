"""The tables of what was measured: every figure, and what was aimed at."""

from bench.extracting.cases import OURS, OURS_1, OURS_8, RIO_STAC, TUNED, TUNED_8, Case
from bench.extracting.turns import TIMEOUT_S, Row

type Results = dict[tuple[str, int], dict[str, Row | None]]  # by case and delay in ms, then by side

HEAD = "| case | added | side | s | CPU s | requests | MB | peak MB | passes |\n|---|---|---|---|---|---|---|---|---|"
AS_IT_IS = "8, tuned 1"
SLOWER = 1.02  # the noise of a median of passes in turns


def line(case: Case, delay_ms: int, side: str, row: Row | None) -> str:
    """One side's figures as a line of the table."""
    cells = _cells(row) if row else [f"over {TIMEOUT_S} or failed", *[""] * 5]
    return f"| {' | '.join([case.name, f'{delay_ms} ms', side, *cells])} |"


def _cells(row: Row) -> list[str]:
    figures = [seconds(row["seconds"]), seconds(row["cpu"]), f"{row['requests']:.0f}"]
    return [*figures, f"{row['bytes'] / 1e6:.2f}", f"{row['memory']:.0f}", f"{row['passes']:.0f}"]


def seconds(value: float) -> str:
    """Four digits behind the point below a tenth, three below one, else two."""
    return f"{value:.{4 if value < 0.1 else 3 if value < 1 else 2}f}"


def aims(wanted: list[Case], results: Results) -> str:
    """What was aimed at, and whether it was met; of many files with 8 threads beside rio-stac as it is, on one."""
    lines = [
        "| case | threads | 0 ms: ours to tuned, s | not slower | 25 ms: times tuned | times defaults | aim | met |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for case in wanted:
        pairs = [("1", OURS, TUNED)] if OURS in case.sides else []
        if OURS_8 in case.sides:
            pairs = [("1", OURS_1, TUNED), (AS_IT_IS, OURS_8, TUNED), ("8", OURS_8, TUNED_8)]
        for threads, ours, tuned in pairs:
            cells = [
                case.name,
                threads,
                *_against(case, results, ours, tuned, asked=ours == OURS or threads == AS_IT_IS),
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _against(case: Case, results: Results, ours: str, tuned: str, *, asked: bool) -> list[str]:
    near, far = results.get((case.name, 0), {}), results.get((case.name, 25), {})
    mine, theirs = near.get(ours), near.get(tuned)
    cells = ["", ""]
    if mine and theirs:
        level = "yes" if mine["seconds"] <= theirs["seconds"] * SLOWER else "no"
        cells = [f"{seconds(mine['seconds'])} to {seconds(theirs['seconds'])}", level]
    times = [_times(far.get(other), far.get(ours)) for other in (tuned, RIO_STAC)]
    cells += ["" if each is None else f"{each:.1f}" for each in times]
    wanted = [(each, aim) for each, aim in zip(times, case.aims, strict=True) if aim is not None and asked]
    if not wanted:
        return [*cells, "", ""]
    met = all(each is not None and each >= aim for each, aim in wanted)
    return [*cells, " and ".join(f"{aim:g}" for _, aim in wanted), "yes" if met else "no"]


def _times(other: Row | None, ours: Row | None) -> float | None:
    return other["seconds"] / ours["seconds"] if other and ours else None


def workers(wanted: list[Case], results: Results) -> str:
    """How many times as fast 8 threads are as one, of each side, where there are many files."""
    lines = ["| case | added | eventstac | rio-stac tuned |", "|---|---|---|---|"]
    for case in wanted:
        for delay_ms in (0, 25):
            rows = results.get((case.name, delay_ms), {})
            pairs = [(OURS_1, OURS_8), (TUNED, TUNED_8)]
            times = [_times(rows.get(one), rows.get(eight)) for one, eight in pairs]
            if OURS_8 in rows:
                texts = ["" if each is None else f"{each:.1f}" for each in times]
                lines.append(f"| {case.name} | {delay_ms} ms | {' | '.join(texts)} |")
    return "\n".join(lines) + "\n"
