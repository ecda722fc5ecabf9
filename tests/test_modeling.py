"""The model: padding, the BiLSTM against its reference, poolings, losses, saving, the papers' parameter counts."""

import copy
import re

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from transformers import AutoModel, AutoModelForSequenceClassification, BertConfig, BertForSequenceClassification

from modeling_bert_bilstm import BertBiLSTMConfig, BertBiLSTMForSequenceClassification
from modeling_bert_bilstm.configuration_bert_bilstm import POOLINGS
from modeling_bert_bilstm.modeling_bert_bilstm import SHIPPED_FILES, PaddingExactBiLSTM


def draw_ids(*shape, seed=0):
    return torch.randint(5, 40, shape, generator=torch.Generator().manual_seed(seed))


def pad(rows, *, left, extra=0):
    """Pad rows of word pieces with 0 to a batch; `left` says for each row how much of its padding stands before it."""
    total = max(len(row) for row in rows) + extra
    ids, mask = torch.zeros(len(rows), total, dtype=torch.long), torch.zeros(len(rows), total, dtype=torch.long)
    for i, row in enumerate(rows):
        start = min(left, total - len(row))
        ids[i, start : start + len(row)] = row
        mask[i, start : start + len(row)] = 1
    return ids, mask


def with_pooling(model, pooling, **fields):
    """The tiny model with another head over the same encoder."""
    config = copy.deepcopy(model.config)
    config.update({"pooling": pooling, **fields})
    torch.manual_seed(2)
    other = BertBiLSTMForSequenceClassification(config).eval()
    other.encoder = model.encoder
    return other


@pytest.mark.parametrize("pooling", [*[[name] for name in POOLINGS], list(POOLINGS)], ids="+".join)
@pytest.mark.parametrize("lstm_num_layers", [0, 1, 2])
def test_padding_and_batch_mates_change_nothing(tiny_model, pooling, lstm_num_layers):
    model = with_pooling(tiny_model, pooling, lstm_num_layers=lstm_num_layers)
    rows = [draw_ids(n, seed=n) for n in (3, 9, 16, 17, 41, 70)]
    with torch.no_grad():
        alone = torch.cat([model(row[None]).logits for row in rows])
        for left in (0, 3, 100):
            for extra in (0, 5, 50):
                ids, mask = pad(rows, left=left, extra=extra)
                torch.testing.assert_close(model(ids, attention_mask=mask).logits, alone, rtol=0, atol=1e-5)
        ids, mask = pad(rows[:2], left=100, extra=1)  # within one window
        torch.testing.assert_close(model(ids, attention_mask=mask).logits, alone[:2], rtol=0, atol=1e-5)


@pytest.mark.parametrize("num_layers", [1, 2])
def test_the_bilstm_equals_packing(num_layers):
    torch.manual_seed(0)
    lstm = PaddingExactBiLSTM(11, 7, num_layers=num_layers, batch_first=True, bidirectional=True)
    reference = nn.LSTM(11, 7, num_layers=num_layers, batch_first=True, bidirectional=True)
    reference.load_state_dict(lstm.state_dict())
    states, lengths = torch.randn(5, 13, 11, requires_grad=True), torch.tensor([13, 1, 6, 12, 2])
    twin = states.detach().clone().requires_grad_()

    packed = pack_padded_sequence(twin, lengths, batch_first=True, enforce_sorted=False)
    expected, _ = pad_packed_sequence(reference(packed)[0], batch_first=True)
    found = lstm(states, lengths) * (expected != 0)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)

    weight = torch.randn_like(expected)
    (found * weight).sum().backward()
    (expected * weight).sum().backward()
    torch.testing.assert_close(states.grad, twin.grad, rtol=0, atol=1e-5)
    for name, parameter in lstm.named_parameters():
        torch.testing.assert_close(parameter.grad, reference.get_parameter(name).grad, rtol=0, atol=1e-5)


def test_dropout_between_lstm_layers_acts_in_training_only():
    lstm = PaddingExactBiLSTM(11, 7, num_layers=2, dropout=0.5, batch_first=True, bidirectional=True)
    states, lengths = torch.randn(2, 5, 11), torch.tensor([5, 3])
    assert not torch.equal(lstm(states, lengths), lstm(states, lengths))
    lstm.eval()
    assert torch.equal(lstm(states, lengths), lstm(states, lengths))


def test_pooling_last_is_the_last_state_of_both_directions(tiny_model):
    model = with_pooling(tiny_model, ["last"])
    ids = draw_ids(2, 9)
    reference = nn.LSTM(12, 7, batch_first=True, bidirectional=True)
    reference.load_state_dict(model.lstm.state_dict())
    with torch.no_grad():
        _, (last, _) = reference(model.encoder(ids).last_hidden_state)
        expected = model.classifier(torch.cat([last[0], last[1]], dim=-1))
        torch.testing.assert_close(model(ids).logits, expected, rtol=0, atol=1e-6)


def test_an_all_padding_row_stays_finite_and_harms_nobody(tiny_model):
    ids = draw_ids(2, 9)
    mask = torch.ones_like(ids)
    mask[1] = 0
    with torch.no_grad():
        logits = tiny_model(ids, attention_mask=mask).logits
        torch.testing.assert_close(logits[:1], tiny_model(ids[:1]).logits, rtol=0, atol=1e-6)
    assert torch.isfinite(logits).all()
    assert torch.isfinite(tiny_model(draw_ids(2, 40), attention_mask=torch.zeros(2, 40)).logits).all()


def test_the_losses_are_those_of_transformers(tiny_model):
    ids = draw_ids(3, 9)
    logits = tiny_model(ids).logits
    labels = torch.tensor([0, 1, 1])
    torch.testing.assert_close(tiny_model(ids, labels=labels).loss, nn.functional.cross_entropy(logits, labels))

    tiny_model.config.problem_type = "multi_label_classification"
    several = torch.tensor([[0.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
    expected = nn.functional.binary_cross_entropy_with_logits(logits, several)
    torch.testing.assert_close(tiny_model(ids, labels=several).loss, expected)

    regression = with_pooling(tiny_model, ["mean"], num_labels=1, problem_type="regression", label_polarity=None)
    stars = torch.tensor([1.0, 5.0, 3.0])
    expected = nn.functional.mse_loss(regression(ids).logits.squeeze(-1), stars)
    torch.testing.assert_close(regression(ids, labels=stars).loss, expected)


def test_return_dict_false_gives_a_tuple(tiny_model):
    ids = draw_ids(2, 9)
    loss, logits = tiny_model(ids, labels=torch.tensor([0, 1]), return_dict=False)
    assert loss.ndim == 0
    assert logits.shape == (2, 2)


def test_a_batch_without_input_or_with_a_mask_of_another_shape_is_refused(tiny_model):
    with pytest.raises(ValueError, match=re.escape("needs `input_ids` or `inputs_embeds`, got neither.")):
        tiny_model(attention_mask=torch.ones(2, 9))
    with pytest.raises(ValueError, match=re.escape("must have the shape of its batch, (2, 9), got (2, 8).")):
        tiny_model(draw_ids(2, 9), attention_mask=torch.ones(2, 8))


def test_folding_a_temperature_divides_the_logits(tiny_model):
    ids = draw_ids(2, 9)
    with torch.no_grad():
        tiny_model.classifier.bias.copy_(torch.tensor([0.5, -0.25]))
        before = tiny_model(ids).logits
        tiny_model.fold_temperature(1.6)
        torch.testing.assert_close(tiny_model(ids).logits, before / 1.6)
    assert tiny_model.config.calibration_temperature == 1.6
    with pytest.raises(ValueError, match=re.escape("`temperature` must be above 0, got 0.")):
        tiny_model.fold_temperature(0)


def test_a_saved_folder_holds_the_four_shipped_files_and_loads_with_equal_logits(model_folder, tiny_model):
    assert {path.name for path in model_folder.glob("*.py")} == set(SHIPPED_FILES)
    ids = draw_ids(2, 40)
    with torch.no_grad():
        expected = tiny_model(ids).logits
        for auto in (AutoModel, AutoModelForSequenceClassification):
            loaded = auto.from_pretrained(model_folder)  # registered by the package: no flag needed
            assert type(loaded) is BertBiLSTMForSequenceClassification
            assert torch.equal(loaded(ids).logits, expected)


def test_more_lstm_layers_than_the_checkpoint_keep_the_loaded_ones(tmp_path, tiny_model):
    for parameter in tiny_model.lstm.parameters():  # trained: no longer what a fresh layer starts from
        nn.init.normal_(parameter)
    tiny_model.save_pretrained(tmp_path)
    loaded = BertBiLSTMForSequenceClassification.from_pretrained(tmp_path, lstm_num_layers=2)
    for name, parameter in tiny_model.lstm.named_parameters():
        assert torch.equal(loaded.lstm.get_parameter(name), parameter)
    assert all(torch.isfinite(parameter).all() for parameter in loaded.parameters())
    forget = loaded.lstm.bias_ih_l1[7:14] + loaded.lstm.bias_hh_l1[7:14]
    assert torch.equal(forget, torch.ones(7))


def test_a_fine_tune_starts_from_the_encoders_weights(encoder_folder):
    model = BertBiLSTMForSequenceClassification.from_encoder_pretrained(encoder_folder, num_labels=3, window_length=16)
    plain = AutoModel.from_pretrained(encoder_folder)
    for name, parameter in model.encoder.named_parameters():
        assert torch.equal(parameter, plain.get_parameter(name))
    assert model.encoder.config is model.config.encoder_config
    assert not any("pooler" in name for name, _ in model.named_parameters())
    assert model.config.num_labels == 3


def test_an_encoder_in_half_precision_is_trained_in_full(encoder_folder, tmp_path):
    AutoModel.from_pretrained(encoder_folder).half().save_pretrained(tmp_path)
    model = BertBiLSTMForSequenceClassification.from_encoder_pretrained(tmp_path)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    model = BertBiLSTMForSequenceClassification.from_encoder_pretrained(tmp_path, {"dtype": torch.bfloat16})
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}


def test_the_encoder_may_be_cut_and_changed_on_the_way_in(encoder_folder):
    model = BertBiLSTMForSequenceClassification.from_encoder_pretrained(
        encoder_folder, {"num_hidden_layers": 1, "hidden_dropout_prob": 0.0, "attn_implementation": "eager"}
    )
    assert len(model.encoder.encoder.layer) == 1
    assert model.config.encoder_config.hidden_dropout_prob == 0
    assert model.encoder.config._attn_implementation == "eager"


def test_a_whole_model_is_no_encoder(model_folder):
    with pytest.raises(ValueError, match=re.escape("is a whole 'bert_bilstm' model, not an encoder. Load it with")):
        BertBiLSTMForSequenceClassification.from_encoder_pretrained(model_folder)


def test_an_unknown_kind_of_encoder_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bort"}', encoding="utf-8")
    with pytest.raises(
        ValueError, match=re.escape("must be one that `AutoModel` knows by its `model_type`, got 'bort'")
    ):
        BertBiLSTMForSequenceClassification.from_encoder_pretrained(tmp_path)


def test_the_parameter_counts_of_gao_2025():
    """Gao's table: 67,875,331 for BERT+BiLSTM, which is SIX layers and a pooler; 109,484,547 for BERT, twelve."""
    config = BertBiLSTMConfig(
        encoder_config=BertConfig(num_hidden_layers=6), lstm_hidden_size=128, pooling="last", num_labels=3
    )
    with torch.device("meta"):
        ours = BertBiLSTMForSequenceClassification(config)
        plain = BertForSequenceClassification(BertConfig(num_labels=3))
    # Gao's model carries BERT's pooler (768 x 768 weights, 768 biases), which its BiLSTM never uses. Ours has none.
    unused_pooler = 768 * 768 + 768
    assert ours.num_parameters() + unused_pooler == 67_875_331
    assert plain.num_parameters() == 109_484_547
