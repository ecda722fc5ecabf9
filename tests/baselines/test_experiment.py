"""An experiment asks for what is there; its encoder is the one that it names."""

import json

import pytest

from baselines.base import SYSTEMS, get_entry
from baselines.corpora import CORPORA
from baselines.encoders import find_encoder
from baselines.experiment import load_experiment
from baselines.results import EXPERIMENTS


def write_experiment(folder, **fields):
    fields = {"system": "majority", "corpus": "sst5", "encoder": None, "seeds": [1, 2], **fields}
    path = folder / f"{fields.setdefault('name', 'sst5-majority')}.json"
    path.write_text(json.dumps(fields), encoding="utf-8")
    return path


def test_an_encoder_is_found_by_its_name_and_must_fit(encoder_folder):
    assert find_encoder("tiny-bert", encoder_folder) == encoder_folder
    assert find_encoder("tiny-bert", encoder_folder.parent) == encoder_folder
    with pytest.raises(
        ValueError, match=r"'gte-small' must have .*12 layers of width 384, but .* 2 layers of width 12"
    ):
        find_encoder("gte-small", encoder_folder)
    with pytest.raises(ValueError, match="its folder must be called so"):
        find_encoder("another", encoder_folder)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"corpus": "sst"}, "The corpus of `a.json` must be one of"),
        ({"system": "stock"}, "must name an encoder: 'stock' starts from one"),
        ({"system": "nothing"}, "The system must be one of"),
        ({"sed": 1}, r"must have the fields \['corpus'.*found .*'sed'"),
    ],
)
def test_a_wrong_experiment_is_refused(tmp_path, fields, message):
    with pytest.raises(ValueError, match=message):
        load_experiment(write_experiment(tmp_path, name="a", **fields))


def test_an_experiment_is_named_as_its_file(tmp_path):
    path = write_experiment(tmp_path, name="a").rename(tmp_path / "b.json")
    with pytest.raises(ValueError, match="must be named 'b', found 'a'"):
        load_experiment(path)


def test_all_experiments_are_sound_and_cover_what_is_compared():
    experiments = [load_experiment(path) for path in sorted(EXPERIMENTS.glob("*.json"))]
    assert {experiment.corpus for experiment in experiments} == set(CORPORA)
    of_sentences = {experiment.system for experiment in experiments if experiment.corpus == "sst5"}
    assert of_sentences == set(SYSTEMS) - {"ours_first_512"}  # no sentence is as long
    for corpus in CORPORA:
        assert {"stock", "ours"} <= {experiment.system for experiment in experiments if experiment.corpus == corpus}
    for experiment in experiments:
        assert (experiment.encoder is not None) == get_entry(experiment.system).needs_encoder
        assert set(get_entry(experiment.system).required) <= set(experiment.options)
