"""Cells about what a result was measured on and what it cost there."""

import statistics
from collections.abc import Sequence

from baselines.results import Result
from reports.measured import Row


MIN_TEST_SECONDS = 0.01  # below it, a rate says nothing
_USUAL_ALLOCATOR = "glibc, memory kept"  # that of results which do not tell it
_AMX = "amx_bf16"
_GPU_MEMORY, _MEMORY = "peak_accelerator_memory_mib", "peak_memory_mib"


def describe_hardware(result: Result) -> str:
    """Return what a result was measured on, in words.

    What is not the usual is told: the allocator, and that a processor has no AMX, which speeds bfloat16 up.
    """
    hardware = result.record["environment"]["hardware"]
    if hardware["accelerators"]:
        return ", ".join(hardware["accelerators"])
    cores = "1 core" if hardware["num_cores"] == 1 else f"{hardware['num_cores']} cores"
    allocator = result.record.get("process", {}).get("allocator", _USUAL_ALLOCATOR)
    unusual = [allocator] if allocator != _USUAL_ALLOCATOR else []
    if _AMX not in hardware.get("instructions", [_AMX]):  # results of before do not tell
        unusual.append("no AMX")
    return ", ".join([hardware["processor"], cores, *unusual])


def letter_machines(rows: Sequence[Row]) -> dict[str, str]:
    """Return a letter for each machine that the results were measured on."""
    machines = dict.fromkeys(describe_hardware(result) for row in rows for result in row.results)
    return {machine: chr(ord("a") + i) for i, machine in enumerate(machines)}


def render_machines(row: Row, letters: dict[str, str]) -> str:
    """Return the letters of the machines of a row."""
    return ", ".join(dict.fromkeys(letters[describe_hardware(result)] for result in row.results))


def render_note(letters: dict[str, str]) -> str:
    """Return what the letters mean."""
    return "\nOn " + "; ".join(f"{letter}: {machine}" for machine, letter in letters.items()) + "."


def render_remarks(rows: Sequence[Row]) -> str:
    """Return what the results say beside their numbers (`remark` of a record), nothing where none says anything."""
    records = [result.record for row in rows for result in row.results if "remark" in result.record]
    lines = dict.fromkeys(f"{record['experiment']}, seed {record['seed']}: {record['remark']}." for record in records)
    return "".join(f"\n\n{line}" for line in lines)


def render_untold(rows: Sequence[Row]) -> str:
    """Return which rows on an encoder do not tell how they were trained: they were run before results told it."""
    names = [row.name for row in rows if row.encoder and any("precision" not in each.record for each in row.results)]
    if not names:
        return ""
    return (
        "\n\nSeeds of these were run before results told settings, which follow from experiment and code, and "
        f"precision and the encoder's fingerprint, which cannot be told any more: {', '.join(names)}."
    )


def render_effort(rows: Sequence[Row]) -> str:
    """Return how long all results took to train and test, and the most memory that one of them held."""
    records = [result.record for row in rows for result in row.results]
    test_seconds = sum(each["num_reviews"]["test"] / each["reviews_per_second"] for each in records)
    seconds = sum(each["train_seconds"] for each in records) + test_seconds
    peak = max(each[_MEMORY] for each in records)
    return (
        f"The {len(records)} results here took {seconds / 3600:,.1f} hours on the machines told, and one held "
        f"{peak / 1024:.1f} GiB at most; tcmalloc preloaded halves what long reviews hold (docs/log.md)."
    )


def get_cost(result: Result, key: str) -> float | None:
    """Return a cost of a result, None where it was not to be measured.

    Args:
        result: Of one seed.
        key: `train_seconds`; `reviews_per_second`, None of a test of a few milliseconds; or `peak_memory_mib`, the
            GPU's where the system used one.
    """
    record = result.record
    if key == _MEMORY and record.get(_GPU_MEMORY):
        return record[_GPU_MEMORY]
    if key == "reviews_per_second" and record["num_reviews"]["test"] / record[key] < MIN_TEST_SECONDS:
        return None
    return record[key]


def render_cost(row: Row, key: str) -> str:
    """Return the mean cost of the seeds on each machine, the machines in the order of `render_machines`."""
    by_machine: dict[str, list[float]] = {}
    for result in row.results:
        cost = get_cost(result, key)
        if cost is not None:
            by_machine.setdefault(describe_hardware(result), []).append(cost)
    return "; ".join(f"{statistics.mean(costs):,.0f}" for costs in by_machine.values())


def render_each_cost(row: Row, key: str) -> str:
    """Return the cost of each seed."""
    costs = [get_cost(result, key) for result in row.results]
    return "; ".join("" if cost is None else f"{cost:,.0f}" for cost in costs)
