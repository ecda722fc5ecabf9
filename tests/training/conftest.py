"""What the tests of training share: tokenized invented reviews, and a trainer on them."""

import datasets
import pytest

from modeling_bert_bilstm.training.batching import tokenize_reviews
from modeling_bert_bilstm.training.trainer import ReviewTrainer
from modeling_bert_bilstm.training.training_options import ReviewTrainingArguments
from tests.conftest import build_reviews


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    """Word pieces of the tests stay out of the user's cache."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture
def build_split(tiny_tokenizer):
    """Return a function that makes a split of so many reviews; `relabel` turns its classes into other targets."""

    def build(num_reviews, *, seed=0, relabel=int, max_words=30):
        texts, labels = build_reviews(num_reviews, seed=seed, max_words=max_words)
        columns = {"id": [f"r{i}" for i in range(num_reviews)], "text": texts, "labels": [relabel(x) for x in labels]}
        return tokenize_reviews(datasets.Dataset.from_dict(columns), tiny_tokenizer)

    return build


@pytest.fixture
def build_trainer(tiny_model, tiny_tokenizer, tmp_path):
    """Return a function that makes a trainer of the tiny model without dropout, on the CPU."""

    def build(splits, *, model=None, loss=None, callbacks=(), **options):
        model = tiny_model if model is None else model
        for module in model.modules():
            if hasattr(module, "p"):
                module.p = 0.0
        options = {
            "output_dir": str(tmp_path / "run"),
            "use_cpu": True,
            "disable_tqdm": True,
            "eval_strategy": "no" if "validation" not in splits else "epoch",
            "save_strategy": "no",
            "learning_rate": 1e-3,
            "per_device_train_batch_size": 8,
            "num_train_epochs": 1,
            **options,
        }
        arguments = ReviewTrainingArguments(**options)
        return ReviewTrainer(
            model, arguments, splits, tiny_tokenizer, compute_loss_func=loss, callbacks=list(callbacks)
        )

    return build
