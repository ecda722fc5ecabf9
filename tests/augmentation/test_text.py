"""Changed copies of texts: labels stay aligned, originals stay as they are, the same seed gives the same."""

import random
import sys
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from modeling_bert_bilstm.augmentation import (
    AUGMENTERS,
    TextAugmenter,
    augment_minority,
    build_augmenter,
    parse_augmenter,
)
from modeling_bert_bilstm.augmentation.nlpaug_augmenters import WordSplitter
from tests.conftest import VOCABULARY, build_reviews


NEED_NOTHING = ["swap", "keyboard", "spelling"]
VECTORS = {
    "good": (1.0, 0.1, 0.0),
    "great": (0.9, 0.2, 0.0),
    "bad": (0.0, 0.1, 1.0),
    "awful": (0.0, 0.2, 0.9),
    "film": (0.0, 1.0, 0.0),
}


def mark(texts):
    return [f"{text} ({random.random()})" for text in texts]


MARKER = TextAugmenter("marker", mark, keeps_label=True, seed=0)


@pytest.fixture
def build(masked_language_model_folder, summarizer_folder, tmp_path):
    """Return a function that builds any augmenter but `synonym_wordnet` on tiny data."""
    paths = {"contextual": masked_language_model_folder, "summary": summarizer_folder}
    paths["synonym_embedding"] = write_vectors(tmp_path / "vectors.txt", "glove")

    def build(name, seed=5):
        return build_augmenter(f"{name}:{paths[name]}" if name in paths else name, seed)

    return build


def write_vectors(path, form):
    if form == "glove":
        lines = [" ".join([word, *map(str, vector)]) for word, vector in VECTORS.items()]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path
    gensim = pytest.importorskip("gensim.models")
    vectors = gensim.KeyedVectors(3)
    vectors.add_vectors(list(VECTORS), np.array(list(VECTORS.values()), dtype=np.float32))
    vectors.save_word2vec_format(str(path), binary=form == "word2vec binary")
    return path


# ---------------------------------------------------------------------------------------------------------------------
# Every augmenter


@pytest.mark.parametrize("name", sorted({*AUGMENTERS} - {"synonym_wordnet"}))
def test_one_text_for_each_the_same_for_the_same_seed(name, build):
    texts = [text.capitalize() for text in build_reviews(12, max_words=40)[0]]
    augmenter = build(name)
    changed = augmenter.augment(texts)
    assert len(changed) == len(texts)
    assert all(changed)
    assert sum(new != old for new, old in zip(changed, texts, strict=True)) > 5
    assert augmenter.augment(texts) == changed == build(name).augment(texts)
    assert build(name, seed=6).augment(texts) != changed


@pytest.mark.parametrize("name", sorted({*AUGMENTERS} - {"synonym_wordnet", "summary"}))
def test_only_words_change(name, build):
    text = "Don't <b>watch</b> this very good film again!<br />\nA bad, awful film (2 stars)..."
    changed = build(name).augment([text])[0]
    assert changed != text
    if name == "keyboard":  # a letter may become a sign
        return
    splitter = WordSplitter()
    splitter.split(text)
    gaps = splitter.gaps
    splitter.split(changed)
    assert splitter.gaps == gaps


@pytest.mark.parametrize("name", sorted({*AUGMENTERS} - {"synonym_wordnet"}))
def test_the_generators_are_left_as_they_were(name, build):
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002
    build(name).augment(["a good film with a very bad ending ."])
    assert (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == states  # noqa: NPY002


@pytest.mark.parametrize("name", NEED_NOTHING)
@pytest.mark.parametrize("text", ["", "  ", "...", "?!", "<br />", "qq"])
def test_texts_without_words_stay(name, text):
    assert build_augmenter(name, 0).augment([text, text]) in ([text, text], [text.strip()] * 2)


def test_a_text_that_comes_back_empty_keeps_the_original():
    augmenter = TextAugmenter("x", lambda texts: ["", " \n", "new"], keeps_label=True, seed=0)
    assert augmenter.augment(["one", "two", "three"]) == ["one", "two", "new"]


def test_a_lost_text_is_an_error():
    with pytest.raises(ValueError, match="longer"):
        TextAugmenter("x", lambda texts: texts[1:], keeps_label=True, seed=0).augment(["one", "two"])


def test_who_keeps_the_label():
    assert {name for name in AUGMENTERS if AUGMENTERS[name].keeps_label} == {"swap", "keyboard", "synonym_wordnet"}
    assert build_augmenter("nlpaug:swap", 0).keeps_label
    assert not build_augmenter("spelling", 0).keeps_label


def test_swapped_words_are_the_same_words():
    text = "this very good film has one bad scene"
    assert sorted(build_augmenter("swap", 0).augment([text])[0].lower().split()) == sorted(text.split())


def test_misspellings_do_not_hang_on_the_order_of_sets():
    """The order of nlpaug's misspellings differs from process to process."""
    from nlpaug.augmenter.word import spelling

    texts = build_reviews(12)[0]
    changed = build_augmenter("spelling", 0).augment(texts)
    for words in spelling.SPELLING_ERROR_MODEL.dict.values():
        words.reverse()
    assert build_augmenter("spelling", 0).augment(texts) == changed


def test_names_and_paths():
    assert parse_augmenter("nlpaug:contextual:C:/models/bert") == ("contextual", "C:/models/bert")
    assert parse_augmenter("swap") == ("swap", None)
    for spec in ("shuffle", "nlpaug:", "swap:folder", "contextual", "contextual:"):
        with pytest.raises(ValueError, match=rf"must be one of .*'summary:FOLDER'.*got '{spec}'"):
            parse_augmenter(spec)


def test_a_missing_nlpaug_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "nlpaug.augmenter.char", None)
    monkeypatch.delitem(sys.modules, "modeling_bert_bilstm.augmentation.nlpaug_augmenters", raising=False)
    monkeypatch.delattr("modeling_bert_bilstm.augmentation.nlpaug_augmenters", raising=False)
    with pytest.raises(ImportError, match=r'needs nlpaug.*pip install "modeling-bert-bilstm\[baselines\]"'):
        build_augmenter("swap", 0)


# ---------------------------------------------------------------------------------------------------------------------
# Those that need data


@pytest.mark.parametrize("form", ["glove", "word2vec text", "word2vec binary"])
def test_words_become_their_neighbours(form, tmp_path):
    augmenter = build_augmenter(f"synonym_embedding:{write_vectors(tmp_path / 'a', form)}", 0)
    assert set(augmenter.augment(["Good"] * 40)) <= {"Great", "Film", "Awful", "Bad"}
    assert augmenter.augment(["unknown words"]) == ["unknown words"]


def test_a_second_file_gives_its_own_words(tmp_path):
    first = build_augmenter(f"synonym_embedding:{write_vectors(tmp_path / 'a', 'glove')}", 0)
    (tmp_path / "b").write_text("good 1 0\nsuperb 1 0.1\n", encoding="utf-8")
    second = build_augmenter(f"synonym_embedding:{tmp_path / 'b'}", 0)
    assert second.augment(["good"]) == ["superb"]
    assert first.augment(["good"]) != ["superb"]


def test_what_is_no_file_of_vectors(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"is none\. Download one, for example .*glove\.6B\.zip"):
        build_augmenter(f"synonym_embedding:{tmp_path}", 0)
    (tmp_path / "a").write_text("A review.\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"must have a word and its numbers in each line, but begins with b'A review"):
        build_augmenter(f"synonym_embedding:{tmp_path / 'a'}", 0)


def test_words_from_context_are_other_words_of_the_vocabulary(build):
    text = "a good film with a very bad ending"
    for new in build("contextual").augment([text] * 20):
        words = new.lower().split()
        assert len(words) == len(text.split())
        assert set(words) <= set(VOCABULARY)
        assert words != text.split()
        assert not {"[", "##", "."} & set(new)


def test_context_does_not_hang_on_the_other_masks_or_on_padding(build, masked_language_model_folder):
    from modeling_bert_bilstm.augmentation.language_models import MaskedLanguageModel

    model = MaskedLanguageModel(str(masked_language_model_folder), num_candidates=1)
    texts, old = ["a [MASK] film", "this was a very [MASK] film with music in it"], ["good", "bad"]
    alone = [model.predict([text], [word])[0] for text, word in zip(texts, old, strict=True)]
    assert model.predict(texts, old) == alone
    assert model.predict(texts[:1], alone[:1]) != alone[:1]


def test_a_long_text_is_changed_at_its_end_too(build):
    text = " ".join(["film"] * 60)
    changed = [new.split() for new in build("contextual").augment([text] * 20)]
    assert any(words[-1] != "film" for words in changed)
    assert all(len(words) == 60 for words in changed)


def test_an_encoder_without_a_head_is_refused(encoder_folder, tmp_path):
    with pytest.raises(ValueError, match=r"needs a model such as bert-base-uncased, .* would be random"):
        build_augmenter(f"contextual:{encoder_folder}", 0)
    for name, example in (("contextual", "bert-base-uncased"), ("summary", "t5-small")):
        with pytest.raises(FileNotFoundError, match=f"`{name}` needs the folder .* hf download {example}"):
            build_augmenter(f"{name}:{tmp_path}", 0)


def test_many_summaries_stay_beside_their_texts(build):
    texts, _ = build_reviews(40)
    assert len(build("summary").augment(texts)) == 40


def test_wordnet_without_its_data_or_nltk_says_how_to_get_it(monkeypatch):
    nltk = pytest.importorskip("nltk")
    monkeypatch.setattr(nltk.data, "path", [])
    with pytest.raises(FileNotFoundError, match=r"python -m nltk\.downloader wordnet averaged_perceptron_tagger_eng"):
        build_augmenter("synonym_wordnet", 0)
    monkeypatch.setitem(sys.modules, "nltk", None)
    with pytest.raises(ImportError, match=r'needs nltk.*pip install "modeling-bert-bilstm\[baselines\]"'):
        build_augmenter("synonym_wordnet", 0)


def test_wordnet_synonyms(monkeypatch):
    """The data is too large to invent; what is between it and the texts is real."""
    nltk = pytest.importorskip("nltk")
    from nlpaug.model.word_dict import WordNet

    synonyms = {"film": ["movie", "motion_picture"], "good": ["well"]}
    monkeypatch.setattr(nltk.data, "find", lambda name: name)
    monkeypatch.setattr(WordNet, "read", lambda self: None)
    monkeypatch.setattr(WordNet, "predict", lambda self, word, pos=None: synonyms.get(word.lower(), []))
    monkeypatch.setattr(WordNet, "pos_tag", staticmethod(lambda tokens: [(token, "NN") for token in tokens]))
    changed = build_augmenter("synonym_wordnet", 0).augment(["Film, isn't it?"] * 20)
    assert set(changed) == {"Film, isn't it?", "Movie, isn't it?", "Motion picture, isn't it?"}


# ---------------------------------------------------------------------------------------------------------------------
# The smaller classes


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 4), max_size=40), st.none() | st.floats(0.01, 1), st.integers(0, 3))
def test_labels_stay_aligned_and_originals_come_first(labels, ratio, seed):
    texts = [f"text {i}" for i in range(len(labels))]
    new_texts, new_labels, sources = augment_minority(texts, labels, MARKER, ratio=ratio, seed=seed)
    num = len(texts)
    assert new_texts[:num] == texts
    assert new_labels[:num] == labels
    assert len(new_texts) == len(new_labels) == num + len(sources)
    for text, label, source in zip(new_texts[num:], new_labels[num:], sources, strict=True):
        assert label == labels[source]
        assert text.startswith(f"{texts[source]} (")
    counts, old = Counter(new_labels), Counter(labels)
    for label in old:
        target = (ratio or 1) * max(old.values())
        assert counts[label] >= target - 1e-9
        assert counts[label] == old[label] or counts[label] < target + 1


def test_smaller_classes_reach_the_largest_or_the_ratio():
    labels = [0] * 10 + [1] * 3 + [2] * 7
    counts = [Counter(augment_minority([""] * 20, labels, MARKER, ratio=r, seed=0)[1]) for r in (None, 0.7, 0.5)]
    assert counts == [Counter({0: 10, 1: 10, 2: 10}), Counter({0: 10, 1: 7, 2: 7}), Counter({0: 10, 1: 5, 2: 7})]


def test_sources_take_turns():
    sources = augment_minority(list("abcdefghij"), [0] * 7 + [1] * 3, MARKER, seed=1)[2]
    assert sorted(sources[:3]) == [7, 8, 9]
    assert len(sources) == 4


def test_the_same_seed_copies_the_same_texts():
    texts, labels = [f"t{i}" for i in range(30)], [0] * 20 + [1] * 10
    one, same, other = (augment_minority(texts, labels, MARKER, ratio=0.8, seed=seed) for seed in (4, 4, 5))
    assert one == same
    assert one[2] != other[2]


def test_copies_of_one_text_differ():
    texts, _, sources = augment_minority(["a", "b", "c", "the only one of its class"], [0, 0, 0, 1], MARKER, seed=0)
    assert sources == [3, 3]
    assert len(set(texts)) == 6


def test_what_does_not_fit():
    for ratio in (0, 1.5, -1):
        with pytest.raises(ValueError, match=rf"`ratio` must be a share of the largest class, .* got {ratio}"):
            augment_minority(["a"], [0], MARKER, ratio=ratio, seed=0)
    with pytest.raises(ValueError, match="got 1 texts and 2 labels"):
        augment_minority(["a"], [0, 1], MARKER, seed=0)
