"""SMOTE among states against imbalanced-learn, what a synthetic row is, and the states kept on disk."""

import sys

import numpy as np
import pytest
from imblearn.over_sampling import SMOTE

from modeling_bert_bilstm.augmentation import cache_states, measure_lengths, oversample_states


LABELS = np.array([0] * 19 + [1] * 7 + [2] * 11)
TEXTS = [f"review {i} " + "word " * (i % 7) for i in range(23)]


def draw(*shape, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


# ---------------------------------------------------------------------------------------------------------------------
# Synthetic rows


@pytest.mark.parametrize("shape", [(5,), (3, 5)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_equals_imbalanced_learn_on_flattened_features(shape, dtype):
    features = draw(37, *shape, dtype=dtype)
    found, labels = oversample_states(features, LABELS, seed=3)
    flat = features.reshape(37, -1).astype(np.promote_types(dtype, np.float32))
    expected, expected_labels = SMOTE(random_state=3, k_neighbors=5).fit_resample(flat, LABELS)
    assert found.dtype == dtype
    assert np.array_equal(found.reshape(len(found), -1), expected.astype(dtype))
    assert np.array_equal(labels, expected_labels)
    assert np.bincount(labels).tolist() == [19, 19, 19]


def test_originals_come_first_and_unchanged():
    features = draw(37, 3, 5, dtype=np.float16)
    given = features.copy()
    found, labels = oversample_states(features, LABELS, seed=0)
    assert np.array_equal(found[:37], given)
    assert np.array_equal(features, given)
    assert np.array_equal(labels[:37], LABELS)


@pytest.mark.parametrize("k", [1, 5])
def test_a_synthetic_row_lies_between_a_row_and_one_of_its_k_neighbours_of_its_class(k):
    features = draw(37, 3, 2, dtype=np.float64)
    found, labels = oversample_states(features, LABELS, k=k, seed=1)
    for row, label in zip(found[37:].reshape(-1, 6), labels[37:], strict=True):
        rows = features[label == LABELS].reshape(-1, 6)
        distances = np.linalg.norm(rows[:, None] - rows, axis=-1)
        between = [
            np.isclose(np.linalg.norm(row - rows[i]) + np.linalg.norm(row - rows[j]), distances[i, j])
            for i in range(len(rows))
            for j in np.argsort(distances[i])[1 : k + 1]
        ]
        assert any(between)


def test_the_same_seed_gives_the_same_rows():
    features = draw(37, 5)
    one, same, other = (oversample_states(features, LABELS, seed=seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(
    ("num_rows", "k", "way_out"), [(4, 5, "k=3 would do"), (2, 2, "k=1 would do"), (1, 5, "no k would do")]
)
def test_too_few_neighbours(num_rows, k, way_out):
    labels = np.array([0] * 9 + [3] * num_rows)
    features = draw(len(labels), 5)
    message = rf"Class 3 has {num_rows} rows?, but SMOTE with k={k} needs {k + 1}; {way_out}"
    with pytest.raises(ValueError, match=message):
        oversample_states(features, labels, k=k, seed=0)
    if num_rows > 1:
        assert len(oversample_states(features, labels, k=num_rows - 1, seed=0)[1]) == 18


def test_classes_of_one_size_need_no_neighbours():
    features = draw(4, 5)
    assert np.array_equal(oversample_states(features, [0, 0, 1, 1], seed=0)[0], features)


def test_what_is_refused():
    with pytest.raises(TypeError, match="must be floats.*int64"):
        oversample_states(np.zeros((4, 2), dtype=np.int64), [0, 0, 1, 1], seed=0)
    with pytest.raises(ValueError, match=r"a row for each review, got \(4, 2\) and \(3,\)"):
        oversample_states(np.zeros((4, 2)), [0, 0, 1], seed=0)
    with pytest.raises(ValueError, match=r"two classes to balance, got only \[1\]"):
        oversample_states(np.zeros((2, 2)), [1, 1], seed=0)
    with pytest.raises(ValueError, match="`k` must be at least 1, got 0"):
        oversample_states(np.zeros((3, 2)), [0, 1, 1], k=0, seed=0)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "imblearn.over_sampling", None)
    with pytest.raises(ImportError, match=r"needs imbalanced-learn.*\[baselines\]"):
        oversample_states(draw(37, 5), LABELS, seed=0)


def test_a_synthetic_sequence_is_as_long_as_the_longer_of_its_parents():
    lengths = np.random.default_rng(0).integers(1, 7, size=37)
    states = draw(37, 6, 5)
    states[np.arange(6) >= lengths[:, None]] = 0
    assert measure_lengths(states).tolist() == lengths.tolist()
    found, labels = oversample_states(states, LABELS, seed=0)
    assert set(measure_lengths(found)[37:].tolist()) <= set(lengths[LABELS > 0].tolist())
    assert measure_lengths(np.zeros((2, 3, 4))).tolist() == [0, 0]
    assert measure_lengths(np.zeros((0, 3, 4))).tolist() == []


# ---------------------------------------------------------------------------------------------------------------------
# States on disk


class Encoder:
    """Gives a state of 4 numbers for each word, and remembers the texts that it was given."""

    def __init__(self):
        self.seen = []

    def __call__(self, texts):
        self.seen += texts
        return [self.compute(text) for text in texts]

    @staticmethod
    def compute(text):
        return np.array([[len(word), i, 1, 0.1] for i, word in enumerate(text.split())], dtype=np.float32)


def cache(folder, texts=TEXTS, encoder="tiny", max_review_length=30, **options):
    encode = Encoder()
    return cache_states(
        encode, texts, folder, encoder=encoder, max_review_length=max_review_length, **options
    ), encode.seen


@pytest.mark.parametrize("batch_size", [1, 5, 64])
def test_states_on_disk_are_those_of_the_encoder(batch_size, tmp_path):
    (states, lengths), seen = cache(tmp_path / "new" / "folder", batch_size=batch_size)
    assert seen == TEXTS
    assert isinstance(states, np.memmap)
    assert states.dtype == np.float16
    assert states.shape == (23, 8, 4)  # the longest text has 8 words
    assert not states.flags.writeable
    for row, length, text in zip(states, lengths, TEXTS, strict=True):
        assert np.array_equal(row[:length], Encoder.compute(text).astype(np.float16))
        assert not row[length:].any()
    assert measure_lengths(states).tolist() == lengths.tolist()


def test_they_are_read_instead_of_computed_again(tmp_path):
    (first, lengths), _ = cache(tmp_path)
    (second, again), seen = cache(tmp_path)
    assert seen == []
    assert np.array_equal(first, second)
    assert np.array_equal(lengths, again)


@pytest.mark.parametrize(
    "change",
    [
        {"texts": [*TEXTS[:-1], TEXTS[-1] + "!"]},
        {"texts": TEXTS[::-1]},
        {"texts": [TEXTS[0] + TEXTS[1], *TEXTS[2:]]},
        {"encoder": "another"},
        {"max_review_length": 29},
    ],
)
def test_states_of_something_else_are_not_taken(change, tmp_path):
    cache(tmp_path)
    found, seen = cache(tmp_path, **change)
    assert seen == change.get("texts", TEXTS)
    assert len(found.states) == len(seen)
    assert cache(tmp_path)[1] == []  # and both stay


def test_states_in_the_wrong_place_are_refused(tmp_path):
    cache(tmp_path / "a")
    cache(tmp_path / "b", texts=TEXTS[::-1])
    (place,), (other,) = (tmp_path / "a").iterdir(), (tmp_path / "b").iterdir()
    other.rename(tmp_path / "other")
    (tmp_path / "other").rename(place.with_name("x"))
    for file in place.iterdir():
        file.unlink()
    with pytest.raises(ValueError, match=r"cannot be read .*Delete that folder"):
        cache(tmp_path / "a")
    place.rmdir()
    place.with_name("x").rename(place)
    with pytest.raises(ValueError, match=r"are of other texts or another encoder\. Delete that folder"):
        cache(tmp_path / "a")


def test_a_computation_that_was_cut_off_leaves_nothing(tmp_path):
    def fail(texts):
        if texts[0] != TEXTS[0]:
            raise RuntimeError("cut off")
        return Encoder()(texts)

    with pytest.raises(RuntimeError, match="cut off"):
        cache_states(fail, TEXTS, tmp_path, encoder="tiny", max_review_length=30, batch_size=10)
    assert list(tmp_path.iterdir()) == []
    assert cache(tmp_path)[1] == TEXTS


@pytest.mark.parametrize(
    ("encode", "message"),
    [
        (lambda texts: [np.ones((31, 4))] * len(texts), r"t from 1 to 30 word pieces, .*text 0 are \(31, 4\)"),
        (lambda texts: [np.ones((0, 4))] * len(texts), r"text 0 are \(0, 4\)"),
        (lambda texts: [np.ones((2, 3 + (text == TEXTS[2]))) for text in texts], r"text 2 are \(2, 4\)"),
        (lambda texts: [np.ones((2, 4))], "one array a text, got 1 for 23 texts"),
        (lambda texts: [np.full((2, 4), 1e5)] * len(texts), r"text 0 must fit half precision .*100000"),
    ],
)
def test_states_that_do_not_fit(encode, message, tmp_path):
    with pytest.raises(ValueError, match=message), np.errstate(over="ignore"):
        cache_states(encode, TEXTS, tmp_path, encoder="tiny", max_review_length=30)


def test_no_texts(tmp_path):
    with pytest.raises(ValueError, match="at least one review"):
        cache(tmp_path, texts=[])
