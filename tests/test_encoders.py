"""Every supported kind of encoder: build, train two steps, save, load; and what must reach the encoder."""

import pytest
import torch
import transformers
from transformers import CONFIG_MAPPING, MODEL_MAPPING

from modeling_bert_bilstm import BertBiLSTMConfig, BertBiLSTMForSequenceClassification


SIZES = {
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "vocab_size": 61,
    "max_position_embeddings": 34,
}
SPECIAL = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3, "cls_token_id": 2, "sep_token_id": 3}
ENCODERS = {
    "bert": SIZES,
    "distilbert": {
        "dim": 12, "n_layers": 2, "n_heads": 3, "hidden_dim": 20, "vocab_size": 61, "max_position_embeddings": 34
    },
    "roberta": SIZES,
    "albert": {**SIZES, "embedding_size": 8},
    "mpnet": SIZES,
    "electra": {**SIZES, "embedding_size": 8},
    "xlm-roberta": SIZES,
    "modernbert": {**SIZES, **SPECIAL, "num_hidden_layers": 3},
    "deberta-v2": {**SIZES, "relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 8},
}  # fmt: skip
# Which kinds know sdpa depends on the version of transformers; BERT and RoBERTa do in all.
SUPPORTS_SDPA = [name for name in ENCODERS if MODEL_MAPPING[CONFIG_MAPPING[name]]._supports_sdpa]


def build_model(model_type, **fields):
    torch.manual_seed(0)
    encoder = {"model_type": model_type, **ENCODERS[model_type]}
    config = BertBiLSTMConfig(encoder_config=encoder, window_length=16, window_overlap=4, lstm_hidden_size=7, **fields)
    return BertBiLSTMForSequenceClassification(config)


def build_batch():
    """Three reviews of 40, 11 and 25 word pieces: in several windows, in one, in two."""
    ids = torch.randint(5, 61, (3, 40), generator=torch.Generator().manual_seed(0))
    mask = (torch.arange(40)[None] < torch.tensor([40, 11, 25])[:, None]).long()
    return {"input_ids": ids.masked_fill(mask == 0, 1), "attention_mask": mask, "labels": torch.tensor([0, 1, 1])}


@pytest.mark.parametrize("model_type", ENCODERS)
def test_build_train_save_load(model_type, tmp_path):
    model, batch = build_model(model_type), build_batch()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    losses = []
    for _ in range(2):
        loss = model(**batch).loss
        loss.backward()
        # An unused weight breaks training on several processes; one kind of position table has rows that none reads.
        unused = [name for name, parameter in model.named_parameters() if parameter.grad is None]
        assert unused == []
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        trained = model(**batch)
        assert trained.loss < losses[0]
        model.save_pretrained(tmp_path)
        loaded = BertBiLSTMForSequenceClassification.from_pretrained(tmp_path)
        assert torch.equal(loaded(**batch).logits, trained.logits)


@pytest.mark.parametrize("model_type", ENCODERS)
def test_padding_changes_nothing_for_any_encoder(model_type):
    model, batch = build_model(model_type).eval(), build_batch()
    with torch.no_grad():
        together = model(batch["input_ids"], batch["attention_mask"]).logits
        for i, length in enumerate(batch["attention_mask"].sum(dim=1)):
            alone = model(batch["input_ids"][i : i + 1, :length]).logits
            torch.testing.assert_close(together[i : i + 1], alone, rtol=0, atol=1e-5)
        segments = torch.zeros_like(batch["input_ids"])
        assert torch.equal(model(**batch, token_type_ids=segments).logits, together)
        flipped = {"input_ids": batch["input_ids"][1:2, :11], "attention_mask": torch.ones(1, 11, dtype=torch.long)}
        expected = model(**flipped).logits
        left = {name: torch.nn.functional.pad(x, (4, 0), value=name == "input_ids") for name, x in flipped.items()}
        torch.testing.assert_close(model(**left).logits, expected, rtol=0, atol=1e-5)


def test_most_kinds_of_encoder_know_sdpa():
    assert {"bert", "roberta", "distilbert", "xlm-roberta", "modernbert"} <= set(SUPPORTS_SDPA)


@pytest.mark.parametrize("model_type", SUPPORTS_SDPA)
def test_sdpa_and_eager_give_equal_logits(model_type, tmp_path):
    model, batch = build_model(model_type).eval(), build_batch()
    model.save_pretrained(tmp_path)
    logits = {}
    for name in ("sdpa", "eager"):
        loaded = BertBiLSTMForSequenceClassification.from_pretrained(tmp_path, attn_implementation=name)
        assert loaded.encoder.config._attn_implementation == name
        with torch.no_grad():
            logits[name] = loaded(**batch).logits
    torch.testing.assert_close(logits["sdpa"], logits["eager"], rtol=0, atol=1e-5)


@pytest.mark.skipif(transformers.__version__ < "5", reason="transformers 4 cannot switch BERT's attention later")
def test_switching_attention_later_reaches_the_encoder():
    model = build_model("bert")
    model.set_attn_implementation("eager")
    assert model.encoder.config._attn_implementation == "eager"


def test_attentions_are_those_of_each_window():
    model = build_model("bert", attn_implementation="eager")
    attentions = model(**build_batch(), output_attentions=True).attentions
    assert len(attentions) == 2
    assert attentions[0].shape[:2] == (4 + 1 + 2, 3)  # windows of the three reviews, heads


def test_gradient_checkpointing_reaches_the_encoder_and_changes_no_gradient():
    batch, gradients = build_batch(), []
    for is_on in (False, True):
        model = build_model("bert").eval()  # no dropout, so that both see the same
        if is_on:
            model.gradient_checkpointing_enable()
            model.encoder.train()
            for module in model.modules():
                if isinstance(module, torch.nn.Dropout):
                    module.p = 0.0
                if hasattr(module, "dropout_prob"):
                    module.dropout_prob = 0.0
            assert any(getattr(module, "gradient_checkpointing", False) for module in model.encoder.modules())
        model(**batch).loss.backward()
        gradients.append(torch.cat([parameter.grad.flatten() for parameter in model.parameters()]))
    torch.testing.assert_close(gradients[0], gradients[1])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_weights_and_autocast_train(dtype, tmp_path):
    batch = build_batch()
    model = build_model("bert")
    with torch.autocast("cpu", dtype=dtype):
        output = model(**batch)
    assert output.loss.dtype == torch.float32
    output.loss.backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters())

    model.eval().save_pretrained(tmp_path)
    half = BertBiLSTMForSequenceClassification.from_pretrained(tmp_path, dtype=dtype)
    assert {parameter.dtype for parameter in half.parameters()} == {dtype}
    with torch.no_grad():
        output = half(**batch)
        torch.testing.assert_close(output.logits.float(), model(**batch).logits, rtol=0, atol=0.05)
    assert output.loss.dtype == torch.float32


@pytest.mark.parametrize("device_map", ["cpu", "auto"])
def test_device_map(device_map, tmp_path):
    pytest.importorskip("accelerate")
    model, batch = build_model("bert").eval(), build_batch()
    model.save_pretrained(tmp_path)
    loaded = BertBiLSTMForSequenceClassification.from_pretrained(tmp_path, device_map=device_map)
    with torch.no_grad():
        assert torch.equal(loaded(**batch).logits, model(**batch).logits)


def test_new_word_pieces_survive_saving(tmp_path):
    model = build_model("bert")
    model.resize_token_embeddings(67)
    model.save_pretrained(tmp_path)
    loaded = BertBiLSTMForSequenceClassification.from_pretrained(tmp_path)
    assert loaded.get_input_embeddings().num_embeddings == 67
    assert loaded.config.vocab_size == 67
