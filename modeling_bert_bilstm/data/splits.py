"""The train, validation and test reviews of a run: read, cut, checked for leaks, counted.

Validation and test reviews without a source of their own are cut from the train source. A train review whose text also
stands in validation or test is dropped from train. The report holds for each split: `rows_read`, `dropped_missing`,
`dropped_empty`, `dropped_unlabelled`, `dropped_outside_scheme`, `dropped_leaked`, `moved_to_validation`,
`moved_to_test`, `not_sampled`, `num_reviews` (the first number less all others), `label_counts` (in the order of the
classes) and `fingerprint`; for validation also `shared_with_test`.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches

import datasets

from .corpora import DROP_REASONS, build_reviews, complete_target
from .leaks import drop_leaked
from .sampling import compute_fingerprint, pick_rows, resolve_size
from .sources import ReviewSource, read_source
from .targets import Target, build_target


logger = logging.getLogger(__name__)

Splits = dict[str, datasets.Dataset]
Report = dict[str, dict]


def load_splits(
    *,
    train: ReviewSource | None,
    validation: ReviewSource | None = None,
    test: ReviewSource | None = None,
    num_labels: int = 2,
    task: str = "single_label",
    label_names: Sequence[str] | None = None,
    validation_size: int | float | None = 0.1,
    test_size: int | float | None = None,
    test_groups: Sequence[str] | None = None,
    split_by_group: bool = False,
    seed: int = 42,
    max_train_samples: int | None = None,
    max_eval_samples: int | None = None,
    max_predict_samples: int | None = None,
) -> tuple[datasets.DatasetDict, Report]:
    """Return the splits of a run, and the report on each of them as told above.

    Args:
        train: Source of the train reviews, None to evaluate only. A source with splits that names none gives the one
            called as it is used here: train, validation or test.
        validation: Source of the validation reviews; None cuts `validation_size` from train.
        test: Source of the test reviews; None cuts `test_size` and `test_groups` from train.
        num_labels: Number of classes of the scheme, 2 to 5.
        task: "single_label", "multi_label" or "regression".
        label_names: Names of an own label set, in order.
        validation_size: Reviews, or share of the reviews of the train source; None or 0 for none.
        test_size: Reviews, or share of the reviews of the train source, those of `test_groups` included.
        test_groups: Films whose reviews all go to test.
        split_by_group: Keep all reviews of a film on one side; the sizes are then upper limits.
        seed: Another seed cuts and samples other reviews.
        max_train_samples: Train on at most so many reviews, with the classes in proportion.
        max_eval_samples: The same for validation.
        max_predict_samples: The same for test; the reviews of `test_groups` stay.

    Raises:
        ValueError: As for `load_reviews`; or sizes, groups or samples that do not fit; or train reviews of one class.
    """
    sources = {"train": train, "validation": validation, "test": test}
    sources = {split: source for split, source in sources.items() if source is not None}
    _check_sources(sources, cuts_test=bool(test_size or test_groups))
    splits, report, target = _read_splits(sources, build_target(task, num_labels, label_names))

    num_rows = len(splits.get("train", ()))
    if test_size or test_groups:
        _cut_test(splits, report, test_size, test_groups or (), split_by_group=split_by_group, seed=seed)
    drop_leaked(splits, report)
    if train is not None and validation is None and validation_size:
        size = resolve_size(validation_size, num_rows, "validation_size")
        _check_what_is_left(size, num_rows, report["train"])
        _cut(splits, report, "validation", size, split_by_group=split_by_group, seed=seed)
        drop_leaked(splits, report)
    limits = {"train": max_train_samples, "validation": max_eval_samples, "test": max_predict_samples}
    for split in splits:
        _sample(splits, report, split, limits[split], seed=seed, groups=test_groups or ())
    _finish_report(splits, report, target)
    order = [split for split in limits if split in splits]
    return datasets.DatasetDict({split: splits[split] for split in order}), {split: report[split] for split in order}


def _check_sources(sources: dict[str, ReviewSource], cuts_test: bool) -> None:
    if not sources:
        raise ValueError("At least one of `train`, `validation` and `test` must be a source, got none.")
    if cuts_test and "test" in sources:
        raise ValueError(
            "`--test_size` and `--test_groups` cut the test from train: leave them out, or the test source."
        )
    if cuts_test and "train" not in sources:
        raise ValueError("`--test_size` and `--test_groups` cut the test from train, but there is no train source.")


def _read_splits(sources: dict[str, ReviewSource], target: Target) -> tuple[Splits, Report, Target]:
    """Read every source; several labels without names get those of the first source, which is train where given."""
    splits, report = {}, {}
    for split, source in sources.items():
        table = read_source(source, split)
        target = complete_target(target, table)
        splits[split], counts = build_reviews(table, target, source.rating_scale)
        report[split] = _start_report(counts)
    return splits, report, target


def _start_report(counts: dict[str, int]) -> dict[str, int]:
    later = ("dropped_leaked", "moved_to_validation", "moved_to_test", "not_sampled")
    return {name: counts.get(name, 0) for name in ("rows_read", *DROP_REASONS, *later)}


def _describe_rows(rows: datasets.Dataset, by_group: bool) -> tuple[list[str], list]:
    """Return the name under which each row is chosen, and the class in whose proportion."""
    names = rows["id"][:]
    if by_group:
        if "group" not in rows.column_names:
            raise ValueError(
                "`--split_by_group` needs the film of each review. Name its column with `--group_column`."
            )
        names = [name if group is None else group for name, group in zip(names, rows["group"][:], strict=True)]
    return names, _list_strata(rows)


def _list_strata(rows: datasets.Dataset) -> list:
    """Return the class of each row, or its combination of classes; numbers are one stratum."""
    feature = rows.features["label"]
    if isinstance(feature, datasets.Value):
        return [0] * len(rows)
    labels = rows["label"][:]
    return labels if isinstance(feature, datasets.ClassLabel) else [tuple(label) for label in labels]


def _find_groups(rows: datasets.Dataset, groups: Sequence[str]) -> list[int]:
    if "group" not in rows.column_names:
        raise ValueError("`--test_groups` needs the film of each review. Name its column with `--group_column`.")
    found = rows["group"][:]
    known, groups = {group for group in found if group is not None}, [str(group) for group in groups]
    missing = [group for group in groups if group not in known]
    if missing:
        folded = {group.casefold(): group for group in known}
        near = [folded[match] for match in get_close_matches(missing[0].casefold(), folded, n=3, cutoff=0.5)]
        raise ValueError(
            f"`--test_groups` must name films of the train source, but {missing} are none of its {len(known)} films. "
            f"Nearest: {near or sorted(known)[:3]}."
        )
    wanted = set(groups)
    return [i for i, group in enumerate(found) if group in wanted]


def _cut_test(
    splits: Splits,
    report: Report,
    size: int | float | None,
    groups: Sequence[str],
    *,
    split_by_group: bool,
    seed: int,
) -> None:
    must = _find_groups(splits["train"], groups) if groups else []
    num_rows = resolve_size(size or len(must), len(splits["train"]), "test_size")
    _cut(splits, report, "test", num_rows, must, split_by_group=split_by_group, seed=seed)


def _check_what_is_left(size: int, num_rows: int, counts: dict[str, int]) -> None:
    """A share is one of the whole source, of which the test and the leak check may have taken most."""
    moved, leaked = counts["moved_to_test"], counts["dropped_leaked"]
    if size >= num_rows - moved - leaked:
        raise ValueError(
            f"`validation_size` asks for {size} of {num_rows} train reviews, but {moved} moved to test and {leaked} "
            f"that also stand there leave only {num_rows - moved - leaked}. Ask for fewer, or name another source "
            "with `--train_file` or `--test_file`."
        )


def _cut(
    splits: Splits,
    report: Report,
    split: str,
    size: int,
    must: Sequence[int] = (),
    *,
    split_by_group: bool,
    seed: int,
) -> None:
    """Move rows from train to another split."""
    rows = splits["train"]
    picked = pick_rows(*_describe_rows(rows, split_by_group), size, seed, must=must)
    chosen = set(picked)
    splits[split] = rows.select(picked)
    splits["train"] = rows.select([i for i in range(len(rows)) if i not in chosen])
    report["train"][f"moved_to_{split}"] = len(picked)
    report[split] = _start_report({"rows_read": len(picked)})


def _sample(
    splits: Splits, report: Report, split: str, limit: int | None, *, seed: int, groups: Sequence[str]
) -> None:
    rows = splits[split]
    if limit is None:
        return
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise ValueError(f"The number of {split} samples must be a whole number of at least 1, got {limit!r}.")
    if limit >= len(rows):
        return
    must = _find_groups(rows, groups) if groups and split == "test" else []
    picked = pick_rows(*_describe_rows(rows, by_group=False), limit, seed, must=must)
    report[split]["not_sampled"] = len(rows) - len(picked)
    splits[split] = rows.select(picked)


def _finish_report(splits: Splits, report: Report, target: Target) -> None:
    for split, rows in splits.items():
        labels = rows["label"][:]
        report[split]["num_reviews"] = len(rows)
        report[split]["label_counts"] = _count_labels(labels, target)
        report[split]["fingerprint"] = compute_fingerprint(rows["text"][:], labels)
    _check_train(report, target)


def _count_labels(labels: list, target: Target) -> dict[str, int]:
    if target.task == "multi_label":
        return {name: int(sum(label[i] for label in labels)) for i, name in enumerate(target.names)}
    counts = Counter(labels)
    return {name: counts[i] for i, name in enumerate(target.names)}


def _check_train(report: Report, target: Target) -> None:
    if "train" not in report or target.task == "regression":
        return
    counts = report["train"]["label_counts"]
    present = [name for name, count in counts.items() if count]
    if target.task == "single_label" and len(present) < 2:
        raise ValueError(
            f"The train reviews must have at least two of the labels {list(counts)}, but all "
            f"{report['train']['num_reviews']} are {present}. Check `--label_column` and the sizes of the "
            "other splits."
        )
    if len(present) < len(counts):
        logger.warning("No train review is labelled %s.", [name for name in counts if name not in present])
