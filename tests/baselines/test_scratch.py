"""The transformer and the BiLSTM that start without a pretrained encoder."""

import math

import numpy as np
import pytest
import torch

from baselines.bilstm_from_scratch import BiLSTMFromScratch, BiLSTMNetwork, BiLSTMOnGlove
from baselines.transformer_from_scratch import (
    TransformerFromScratch,
    TransformerNetwork,
    build_seeded,
    compute_sinusoids,
    train_word_tokenizer,
)
from tests.conftest import build_reviews


TEXTS, LABELS = build_reviews(24, max_words=8)


@pytest.fixture(autouse=True)
def _in_float32(monkeypatch):
    monkeypatch.setattr("modeling_bert_bilstm.hardware.rates._measure_speedup", lambda: 1.0)


def count(network):
    return sum(p.numel() for p in network.parameters())


# ---------------------------------------------------------------------------------------------------------------------
# Networks


def test_the_transformer_has_as_many_parameters_as_the_paper_prints():
    assert count(TransformerNetwork(vocabulary_size=30_000, num_labels=3)) == 12_419_331


def test_the_bilstm_has_the_parameters_of_its_layers():
    embedding, width, hidden = 30_000 * 256, 256, 128
    direction = 4 * hidden * (width + hidden) + 2 * 4 * hidden
    second = 4 * hidden * (2 * hidden + hidden) + 2 * 4 * hidden
    expected = embedding + 2 * direction + 2 * second + 2 * hidden * 3 + 3
    assert count(BiLSTMNetwork(vocabulary_size=30_000, num_labels=3)) == expected


@pytest.mark.parametrize("network_class", [TransformerNetwork, BiLSTMNetwork])
def test_padding_and_batch_mates_change_no_score(network_class):
    network = build_seeded(network_class, 0, vocabulary_size=50, num_labels=3).eval()
    short, long = torch.randint(4, 50, (1, 5)), torch.randint(4, 50, (1, 23))
    batch, mask = torch.zeros(2, 30, dtype=torch.long), torch.zeros(2, 30, dtype=torch.long)
    batch[0, :5], batch[1, :23] = short, long
    mask[0, :5], mask[1, :23] = 1, 1
    for no_gradient in (torch.inference_mode, torch.enable_grad):  # torch takes different ways
        with no_gradient():
            together = network(batch, mask).logits
            alone = [network(row, torch.ones_like(row)).logits for row in (short, long)]
        torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=0)
    assert not torch.allclose(together[0], together[1], atol=1e-2)


@pytest.mark.parametrize("network_class", [TransformerNetwork, BiLSTMNetwork])
def test_the_order_of_words_matters(network_class):
    network = build_seeded(network_class, 0, vocabulary_size=50, num_labels=3).eval()
    words = torch.arange(10, 20)[None]
    swapped = words[:, [0, 2, 1, *range(3, 10)]]
    mask = torch.ones_like(words)
    assert not torch.allclose(network(words, mask).logits, network(swapped, mask).logits, atol=1e-5)


def test_positions_are_sines_and_cosines():
    positions = compute_sinusoids(150, 256)
    assert positions.shape == (150, 256)
    for place, column in ((0, 0), (0, 1), (1, 0), (7, 10), (149, 255)):
        angle = place / 10_000 ** ((column - column % 2) / 256)
        expected = math.cos(angle) if column % 2 else math.sin(angle)
        assert positions[place, column].item() == pytest.approx(expected, abs=1e-4)


def test_layers_start_differently_and_the_seed_alone_says_how():
    first, second = (build_seeded(TransformerNetwork, 5, vocabulary_size=50, num_labels=3) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    layers = first.encoder.layers
    assert not torch.equal(layers[0].linear1.weight, layers[1].linear1.weight)
    other = build_seeded(TransformerNetwork, 6, vocabulary_size=50, num_labels=3)
    assert not torch.equal(first.embedding.weight, other.embedding.weight)


def test_building_a_network_draws_from_nobody_elses_numbers():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    build_seeded(BiLSTMNetwork, 5, vocabulary_size=50, num_labels=3)
    assert torch.equal(torch.rand(3), expected)


# ---------------------------------------------------------------------------------------------------------------------
# Words


def test_the_vocabulary_has_frequent_words_and_special_ones():
    tokenizer = train_word_tokenizer(["Good film, good", "Good film, once"])
    assert tokenizer.get_vocab().keys() == {"[UNK]", "[PAD]", "[SOS]", "[EOS]", "Good", "film,"}
    assert [tokenizer.token_to_id(word) for word in ("[UNK]", "[PAD]", "[SOS]", "[EOS]")] == [0, 1, 2, 3]


def test_the_vocabulary_ends_at_30000():
    words = [f"word{i}" for i in range(31_000)]
    tokenizer = train_word_tokenizer([" ".join(words)] * 2 + [" ".join(words[-5:])])
    assert tokenizer.get_vocab_size() == 30_000
    assert tokenizer.token_to_id("word30999") is not None  # it is more frequent than most


def test_the_transformer_reads_sos_and_149_words():
    system = TransformerFromScratch(num_labels=2, seed=0)
    system._tokenizer = train_word_tokenizer(["good film"] * 2)
    good, film = (system._tokenizer.token_to_id(word) for word in ("good", "film"))
    encoded = system.encode(["good zyx film", "", "good " * 149 + "film " * 50])
    assert encoded[:2] == [[2, good, 0, film], [2]]
    assert encoded[2] == [2] + [good] * 149


def test_the_bilstm_reads_words_as_they_are_split():
    system = BiLSTMFromScratch(num_labels=2, seed=0, max_review_length=4)
    system._tokenizer = train_word_tokenizer(["do n't good"] * 2, ["[PAD]", "[UNK]"])
    encoded = system.encode(["Don't zyx GOOD good", "", "zyx"])
    words = [system._tokenizer.id_to_token(i) for i in encoded[0]]
    assert words == ["do", "n't", "[UNK]", "good"]
    assert encoded[1:] == [[1], [1]]


# ---------------------------------------------------------------------------------------------------------------------
# Systems


def test_validation_chooses_the_epoch_of_the_bilstm():
    system = BiLSTMFromScratch(num_labels=2, seed=0, num_epochs=2, batch_size=12)
    system.fit(TEXTS, LABELS, validation=(TEXTS[:8], LABELS[:8]))
    accuracies = [row["validation_accuracy"] for row in system.record.history]
    found = (system.predict_proba(TEXTS[:8]).argmax(axis=1) == LABELS[:8]).mean()
    assert len(accuracies) == 2
    assert found == max(accuracies)
    assert system.count_parameters() == count(system._model)


def test_the_transformer_keeps_its_last_epoch():
    system = TransformerFromScratch(num_labels=2, seed=0, num_epochs=2, batch_size=12)
    system.fit(TEXTS, LABELS, validation=(TEXTS[:8], LABELS[:8]))
    assert system.record.best_epoch == 2
    assert all("validation_accuracy" not in row for row in system.record.history)
    assert (system.settings.weight_decay, system.settings.scheduler) == (0.0, "linear")
    assert system.count_parameters() == count(system._model)


def test_embeddings_start_from_glove(tmp_path):
    path = tmp_path / "glove.txt"
    path.write_text("good 1 -2 3\n[pad] 9 9 9\nfilm 0.5 0 -1\nelsewhere 7 7 7\n", encoding="utf-8")
    # A learning rate of 0 shows what training starts from.
    system = BiLSTMOnGlove(num_labels=2, seed=0, glove=path, num_epochs=1, learning_rate=0.0)
    system.fit(TEXTS, LABELS)
    weight = system._model.embedding.weight.detach().numpy()
    places = system._tokenizer.get_vocab()
    assert weight.shape == (len(places), 3)
    np.testing.assert_array_equal(weight[places["good"]], np.float32([1, -2, 3]))
    np.testing.assert_array_equal(weight[places["film"]], np.float32([0.5, 0, -1]))
    np.testing.assert_array_equal(weight[places["[PAD]"]], 0)
    unknown = weight[[i for word, i in places.items() if word not in ("good", "film", "[PAD]")]]
    assert (unknown != 0).all()


def test_vectors_that_know_no_word_are_no_harm(tmp_path):
    path = tmp_path / "glove.txt"
    path.write_text("elsewhere 7 7 7\n", encoding="utf-8")
    system = BiLSTMOnGlove(num_labels=2, seed=0, glove=path, num_epochs=1)
    system.fit(TEXTS, LABELS)
    assert np.isfinite(system.predict_proba(["good"])).all()
