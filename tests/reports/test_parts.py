"""What is said to differ in one option alone does, and the verdict on a part follows from the results."""

import importlib
import inspect

import pytest

from baselines.base import SYSTEMS, get_entry
from baselines.experiment import load_experiment
from baselines.results import EXPERIMENTS
from reports import measured, parts
from tests.reports.conftest import find_lines, get_cells, write_fake


def list_options(name):
    """Return module, class, what validation chooses and all options of a system, those of its class included."""
    entry = get_entry(name)
    system_class = getattr(importlib.import_module(f"baselines.{entry.module}"), entry.class_name)
    defaults = {key: parameter.default for key, parameter in inspect.signature(system_class).parameters.items()}
    given = {"class": system_class, "chosen": entry.chosen, "required": entry.required}
    return {**defaults, **given, **entry.options}


@pytest.mark.parametrize(("first", "second"), [pair[1:] for pair in parts.EQUAL_PAIRS])
def test_equal_pairs_differ_in_one_option(first, second):
    first, second = list_options(first), list_options(second)
    assert len([key for key in first.keys() | second.keys() if first.get(key) != second.get(key)]) == 1


def test_the_augmented_system_differs_in_its_augmenter():
    first, second = list_options(parts.AUGMENTED), list_options("ours")
    assert first.pop("required") == (parts.AUGMENTER,)
    assert second.pop("required") == ()
    assert first == second


@pytest.mark.parametrize(("first", "second"), [pair[1:3] for pair in parts.UNEQUAL_PAIRS])
def test_other_pairs_differ_in_more(first, second):
    first, second = list_options(first), list_options(second)
    assert len([key for key in first.keys() | second.keys() if first.get(key) != second.get(key)]) > 1


def test_every_variant_of_ours_is_compared_with_ours():
    compared = {system for _, system, other in parts.EQUAL_PAIRS if other == "ours"}
    assert {f"ours_{name}" for name in ("cls", "last", "mean", "max", "attention")} <= compared
    variants = {name for name in SYSTEMS if name.startswith("ours_")}
    assert variants == (compared & variants) | {parts.AUGMENTED, "ours_no_lstm", "ours_first_512"}


def test_experiments_of_equal_pairs_have_the_same_options():
    by_system = {}
    for path in EXPERIMENTS.glob("*.json"):
        experiment = load_experiment(path)
        options = {key: value for key, value in experiment.options.items() if key != parts.AUGMENTER}
        by_system.setdefault((experiment.corpus, experiment.encoder, experiment.system), []).append(options)
    pairs = [pair[1:] for pair in parts.EQUAL_PAIRS] + [(parts.AUGMENTED, "ours")]
    for (corpus, encoder, system), options in by_system.items():
        for first, second in pairs:
            if system == first and (corpus, encoder, second) in by_system:
                (other,) = by_system[corpus, encoder, second]
                assert all(given == other for given in options), (corpus, system)


@pytest.mark.parametrize(
    ("part", "verdict"),
    [
        ("SMOTE: encoder frozen", "it helps"),
        ("NLPAUG: swap", "no difference shown; "),
        ("BiLSTM", "it hurts"),
        ("BiLSTM: our model, not the stock head", "no difference shown; "),
        ("encoder: gte-small, not all-MiniLM-L6-v2", "better"),
    ],
)
def test_the_verdict_on_a_part_follows_from_the_results(page, part, verdict):
    assert get_cells(find_lines(page, part)[0])[-1].startswith(verdict)


def test_the_two_tables_say_what_else_differs(page):
    equal, unequal = page.split("## What each part brings, all else equal")[1].split("## Each as its paper trains it")
    assert "what else differs" not in equal
    assert find_lines(equal, "BiLSTM")
    (line,) = find_lines(unequal, "encoder: gte-small, not all-MiniLM-L6-v2")[:1]
    assert get_cells(line)[3] == parts.OTHER_ENCODER


def test_a_pair_with_other_options_is_refused(tmp_path):
    write_fake(tmp_path, "sst5", "ours", 0.6, name="one", options={"settings": {"num_epochs": 1}})
    write_fake(tmp_path, "sst5", "ours_no_lstm", 0.6, name="other")
    rows = measured.load_rows(tmp_path)["sst5"]
    with pytest.raises(ValueError, match="`one` and `other` must differ in one thing"):
        parts.list_equal_pairs(rows)
