"""The pipeline "aggregate-polarity": inputs of every kind, the order given, what cannot be scored, its errors."""

import json
import re

import numpy as np
import pytest
import torch
from transformers import pipeline

from modeling_bert_bilstm.pipeline_aggregate_polarity import AggregatePolarityPipeline
from modeling_bert_bilstm.polarity import PolarityTally


KEYS = [
    "verdict", "polarity", "interval", "audience_polarity", "audience_interval", "num_reviews", "counts", "shares",
    "skipped",
]  # fmt: skip


@pytest.fixture
def build_pipe(tiny_model, tiny_tokenizer, reviews):
    """Build a pipeline on the tiny model, whose classifier is spread so that its scores differ."""

    def build(**options):
        return AggregatePolarityPipeline(
            model=tiny_model, tokenizer=tiny_tokenizer, task="aggregate-polarity", device="cpu", **options
        )

    with torch.no_grad():
        tiny_model.classifier.weight *= 100
        logits = tiny_model(**tiny_tokenizer(reviews[0], padding=True, return_tensors="pt")).logits
        tiny_model.classifier.bias -= logits.mean(dim=0)
    return build


@pytest.fixture
def pipe(build_pipe):
    return build_pipe()


@pytest.fixture
def texts(reviews):
    return [*reviews[0], "superb brilliant ending " * 40]  # the last one needs several windows


def score_alone(pipe, texts):
    with torch.no_grad():
        logits = [pipe.model(**pipe.tokenizer(text, return_tensors="pt")).logits for text in texts]
    return torch.cat(logits).softmax(-1).double().numpy()


def test_one_film_gives_one_entry(pipe, texts):
    entry = pipe(texts, return_reviews=True)
    alone = score_alone(pipe, texts)
    assert list(entry) == [*KEYS, "reviews"]
    found = [list(review["probabilities"].values()) for review in entry["reviews"]]
    np.testing.assert_allclose(found, alone, atol=5e-6)
    assert [review["position"] for review in entry["reviews"]] == list(range(len(texts)))
    assert [review["label"] for review in entry["reviews"]] == [
        ["negative", "positive"][label] for label in alone.argmax(axis=1)
    ]
    assert [review["score"] for review in entry["reviews"]] == pytest.approx(alone.max(axis=1), abs=5e-6)
    summary = PolarityTally.from_probabilities(np.array(found)).summarise(
        ["negative", "positive"], [-1, 1], [0.5, 0.5]
    )
    assert {key: entry[key] for key in summary} == summary
    assert entry["skipped"] == []
    assert entry["num_reviews"] == sum(entry["counts"].values()) == len(texts)
    assert len(set(entry["counts"].values()) - {0}) == 2, "the scores must differ for this test to tell anything"
    json.dumps(entry)


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_batch_size_changes_nothing(pipe, build_pipe, texts, batch_size):
    expected = pipe(texts, return_reviews=True)
    for found in (
        pipe(texts, return_reviews=True, batch_size=batch_size),
        build_pipe(batch_size=batch_size, return_reviews=True)(texts),
    ):
        assert found["counts"] == expected["counts"]
        assert found["polarity"] == pytest.approx(expected["polarity"], abs=1e-4)
        for one, other in zip(found["reviews"], expected["reviews"], strict=True):
            assert one["score"] == pytest.approx(other["score"], abs=5e-6)


def test_batches_are_of_like_length_and_of_the_size_asked(pipe, texts, monkeypatch):
    shapes = []
    forward = pipe._forward
    monkeypatch.setattr(pipe, "_forward", lambda batch: shapes.append(batch["input_ids"].shape) or forward(batch))
    pipe(texts, batch_size=4)
    widths = [width for _, width in shapes]
    assert [rows for rows, _ in shapes] == [4] * 6 + [1]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] == 3 * 40 + 2, "a long review is not cut"


def test_batch_size_given_at_construction_is_used(build_pipe, texts, monkeypatch):
    pipe = build_pipe(batch_size=5)
    rows = []
    forward = pipe._forward
    monkeypatch.setattr(pipe, "_forward", lambda batch: rows.append(len(batch["input_ids"])) or forward(batch))
    pipe(texts)
    assert rows == [5] * 5


def test_films_and_rows_agree_with_single_films(pipe, texts):
    films = {"Alien": texts[:7], "Brazil": texts[7:9], "Casablanca": texts[9:]}
    expected = {name: pipe(reviews) for name, reviews in films.items()}
    assert pipe(films) == expected
    rows = [{"film": name, "review": text, "stars": 3} for name, reviews in films.items() for text in reviews]
    keys = {"group_key": "film", "text_key": "review"}
    assert pipe(rows, **keys) == expected
    assert list(pipe((row for row in reversed(rows)), **keys)) == ["Casablanca", "Brazil", "Alien"]
    renamed = [{"group": row["film"], "text": row["review"]} for row in rows]
    assert pipe(renamed) == expected


def test_other_containers_give_the_same(pipe, texts):
    datasets = pytest.importorskip("datasets")
    pd = pytest.importorskip("pandas")

    rows = {"text": texts, "group": ["Alien"] * len(texts)}
    expected = pipe(texts)
    data_set = datasets.Dataset.from_dict(rows)
    assert pipe(tuple(texts)) == pipe(iter(texts)) == pipe(np.array(texts)) == pipe(data_set["text"]) == expected
    assert pipe(data_set) == pipe(pd.DataFrame(rows)) == {"Alien": expected}


@pytest.mark.parametrize("nothing", [[], {}, (), iter([])])
def test_nothing_gives_nothing(pipe, nothing):
    assert pipe(nothing) == {}


def test_what_cannot_be_scored_is_listed_and_the_rest_kept(pipe, texts):
    entry = pipe([texts[0], None, texts[1], 3, " \n", texts[2]], return_reviews=True)
    assert entry["skipped"] == [
        {"position": 1, "reason": "A review must be a string, found NoneType."},
        {"position": 3, "reason": "A review must be a string, found int."},
        {"position": 4, "reason": "The review is empty."},
    ]
    assert [review["position"] for review in entry["reviews"]] == [0, 2, 5]
    assert entry["polarity"] == pipe(texts[:3])["polarity"]


def test_films_without_reviews_do_not_harm_the_others(pipe, texts):
    found = pipe({"Alien": texts, "Brazil": [], "Casablanca": None, "Dune": texts[0], "Eraserhead": [7]})
    assert found["Alien"] == pipe(texts)
    reasons = {name: entry["skipped"][0] for name, entry in found.items() if name != "Alien"}
    assert reasons == {
        "Brazil": {"position": None, "reason": "The film has no reviews."},
        "Casablanca": {"position": None, "reason": "Expected a list of reviews, found NoneType."},
        "Dune": {"position": None, "reason": "Expected a list of reviews, found str."},
        "Eraserhead": {"position": 0, "reason": "A review must be a string, found int."},
    }
    for name in reasons:
        entry = found[name]
        assert (entry["verdict"], entry["num_reviews"]) == ("neutral", 0)
        assert entry["polarity"] is entry["interval"] is entry["shares"] is None


def test_rows_without_film_or_text_do_not_harm_the_others(pipe, texts):
    rows = [{"group": "Alien", "text": text} for text in texts]
    broken = [{"text": "superb"}, {"group": None, "text": "superb"}, {"group": float("nan"), "text": "good"}, 5]
    found = pipe([*rows, *broken, {"group": "Alien"}, {"group": ["Alien"], "text": "good"}])
    assert list(found) == ["Alien", None]
    assert [entry["position"] for entry in found[None]["skipped"]] == [25, 26, 27, 28, 30]
    assert found[None]["num_reviews"] == 0
    wanted = "A row must have a film under 'group' and a review under 'text', found"
    assert found[None]["skipped"][0]["reason"] == f"{wanted} ['text']. Name yours with `group_key` and `text_key`."
    assert found[None]["skipped"][3]["reason"].startswith(f"{wanted} int.")
    assert found["Alien"].pop("skipped") == [
        {"position": 29, "reason": f"{wanted} ['group']. Name yours with `group_key` and `text_key`."}
    ]
    expected = pipe(texts)
    assert found["Alien"] == {key: expected[key] for key in KEYS[:-1]}


def test_a_score_that_is_not_finite_is_left_out(pipe, texts, monkeypatch):
    forward = pipe._forward

    def break_long_ones(batch):
        logits = forward(batch)
        return logits.masked_fill((batch["attention_mask"].sum(1) > 100)[:, None], float("nan"))

    monkeypatch.setattr(pipe, "_forward", break_long_ones)
    entry = pipe(texts, batch_size=5)
    assert entry["skipped"] == [{"position": 24, "reason": "The model gave no finite score."}]
    assert entry["num_reviews"] == 24


def test_labels_may_stand_in_any_order(build_pipe, texts):
    expected = build_pipe()(texts)
    pipe = build_pipe()
    pipe.model.config.id2label = {0: "bad", 1: "good"}
    pipe.model.config.label_polarity = [1.0, -1.0]
    mirrored = pipe(texts)
    assert mirrored["polarity"] == pytest.approx(-expected["polarity"], abs=1e-5)
    assert list(mirrored["counts"]) == ["good", "bad"]
    assert mirrored["counts"]["bad"] == expected["counts"]["negative"]


def test_training_prior_and_confidence_are_heeded(pipe, texts):
    expected = pipe(texts)
    pipe.model.config.label_prior = [0.1, 0.9]
    assert pipe(texts)["polarity"] < expected["polarity"]
    pipe.model.config.label_prior = None
    assert pipe(texts) == expected
    (lower, upper), (wide_lower, wide_upper) = expected["interval"], pipe(texts, confidence=0.99)["interval"]
    assert wide_upper - wide_lower > upper - lower


def test_methods_and_what_they_lack(pipe, build_pipe, texts):
    counted = pipe(texts, method="classify_and_count")
    assert counted["shares"] == pytest.approx({k: v / len(texts) for k, v in counted["counts"].items()}, abs=1e-6)
    assert counted["interval"] is None
    for call in (lambda **options: pipe(texts, **options), build_pipe):
        with pytest.raises(ValueError, match="Adjusted count needs `label_confusion`, the confusion matrix"):
            call(method="adjusted_count")
    pipe.model.config.label_confusion = [[1.0, 0.0], [0.0, 1.0]]  # never errs: nothing to adjust
    assert pipe(texts, method="adjusted_count")["shares"] == pytest.approx(counted["shares"], abs=1e-4)


def test_films_of_one_call_help_each_other(pipe, reviews):
    liked = [text for text, label in zip(*reviews, strict=True) if label]
    films = {f"film {i}": [liked[i % len(liked)], liked[(i + 1) % len(liked)]] for i in range(25)}
    name = "film 3"
    among, alone = pipe(films)[name], pipe(films[name])
    few = pipe(dict(list(films.items())[:19]))[name]
    assert few["audience_polarity"] == pytest.approx(alone["audience_polarity"], abs=1e-4)
    assert among["audience_polarity"] != pytest.approx(alone["audience_polarity"], abs=0.01)
    assert among["verdict"] == alone["verdict"]
    backwards = dict(reversed(films.items()))
    assert pipe(backwards)[name]["audience_polarity"] == pytest.approx(among["audience_polarity"], abs=1e-4)


def test_a_model_in_training_is_scored_in_evaluation_and_left_so(pipe, texts):
    expected = pipe(texts)
    pipe.model.train()
    assert pipe(texts) == expected
    assert pipe.model.training


def test_half_precision_and_progress(pipe, texts, capfd):
    expected = pipe(texts)
    assert "Scoring" not in capfd.readouterr().err
    pipe.model.bfloat16()
    assert pipe(texts, show_progress=True)["polarity"] == pytest.approx(expected["polarity"], abs=0.2)
    assert f"{len(texts)}/{len(texts)}" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("inputs", "kind"), [("A superb film.", "str"), (5, "int"), (None, "NoneType"), (b"superb", "bytes")]
)
def test_inputs_of_another_kind_are_refused(pipe, inputs, kind):
    with pytest.raises(
        TypeError, match=f"Expected a list of reviews, .* found {kind}. Put a single review into a list"
    ):
        pipe(inputs)


def test_unknown_and_impossible_options_are_refused(pipe, build_pipe, texts):
    for call in (lambda **options: pipe(texts, **options), build_pipe):
        with pytest.raises(TypeError, match=r"no option `groupkey`; the options are .* Did you mean `group_key`\?"):
            call(groupkey="film")
        with pytest.raises(ValueError, match="`confidence` must be a number between 0 and 1, such as 0.9, got 90."):
            call(confidence=90)
        with pytest.raises(ValueError, match="`batch_size` must be a whole number of at least 1, got 0."):
            call(batch_size=0)


def test_models_that_do_not_fit_are_refused(build_pipe, tiny_model, tiny_tokenizer):
    config = tiny_model.config
    with pytest.raises(ValueError, match="needs the model's tokenizer, found none"):
        AggregatePolarityPipeline(model=tiny_model, device="cpu")
    config.problem_type = "multi_label_classification"
    with pytest.raises(ValueError, match="found one with `problem_type` 'multi_label_classification' and 2 labels"):
        build_pipe()
    config.problem_type = None
    config.label_polarity = None
    with pytest.raises(
        ValueError, match=re.escape("needs `label_polarity` in the model's config, one value in [-1, 1]")
    ):
        build_pipe()


def test_a_saved_folder_and_a_saved_pipeline_load(model_folder, tmp_path, texts):
    pipe = pipeline("aggregate-polarity", model=str(model_folder), trust_remote_code=True, device="cpu", batch_size=4)
    expected = pipe(texts)
    pipe.save_pretrained(tmp_path / "again")
    again = pipeline("aggregate-polarity", model=str(tmp_path / "again"), trust_remote_code=True, device="cpu")
    assert again(texts, batch_size=4) == expected
    given = pipeline(
        model=str(model_folder), pipeline_class=AggregatePolarityPipeline, trust_remote_code=True, device="cpu"
    )
    assert given(texts, batch_size=4) == expected
