"""From options to reviews: where each split is read from, what its labels are called, how much of a review is read."""

from collections.abc import Sequence

from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from ..data import ReviewSource, get_label_polarity
from .batching import tokenize_reviews
from .data_options import DataArguments
from .losses import compute_class_weights, compute_label_prior
from .model_options import ModelArguments
from .results import TASK_OF_PROBLEM


def build_split_options(data: DataArguments, model: ModelArguments) -> dict:
    """Return what `load_splits` is to read: each split from its file, or from a split of the data set."""
    if all(name is None for name in (data.dataset_name, data.train_file, data.validation_file, data.test_file)):
        raise ValueError(
            "There are no reviews to read: none of `--dataset_name`, `--train_file`, `--validation_file` and "
            "`--test_file` is set."
        )
    shared = {
        name: getattr(data, name)
        for name in (
            "text_column",
            "text_column_delimiter",
            "label_column",
            "rating_column",
            "rating_scale",
            "group_column",
            "id_column",
            "labels_from",
            "delimiter",
        )
    }
    shared |= {"cache_dir": model.cache_dir, "token": model.token}
    sources = {}
    for name in ("train", "validation", "test"):
        file, split = getattr(data, f"{name}_file"), getattr(data, f"{name}_split_name")
        if file is not None:
            sources[name] = ReviewSource(file, **shared)
        elif data.dataset_name is not None and split is not None:
            sources[name] = ReviewSource(
                data.dataset_name, data.dataset_config_name, split, data.dataset_revision, **shared
            )
    passed_on = ("num_labels", "label_names", "validation_size", "test_size", "test_groups", "split_by_group")
    passed_on += ("max_train_samples", "max_eval_samples", "max_predict_samples")
    return {
        **{name: sources.get(name) for name in ("train", "validation", "test")},
        **{name: getattr(data, name) for name in passed_on},
        "task": TASK_OF_PROBLEM[get_problem_type(data)],
        "seed": data.split_seed,
    }


def get_problem_type(data: DataArguments) -> str:
    """Return what is learnt, as the model's configuration calls it."""
    if data.do_regression:
        return "regression"
    return "multi_label_classification" if data.multi_label else "single_label_classification"


def build_label_fields(
    data: DataArguments, report: dict[str, dict], class_weights: Sequence[str] | None = None
) -> dict:
    """Return what the configuration says of the labels: names, order, polarity, and the shares that training teaches.

    Args:
        data: Options of the data.
        report: The report of `load_splits`.
        class_weights: As in `--class_weights`.
    """
    counts = next(iter(report.values()))["label_counts"]
    if data.do_regression:
        return {"problem_type": get_problem_type(data), "id2label": {0: "value"}, "label2id": {"value": 0}}
    names = list(counts)
    fields = {
        "id2label": dict(enumerate(names)),
        "label2id": {name: i for i, name in enumerate(names)},
        "problem_type": get_problem_type(data),
    }
    if data.multi_label:
        return fields
    fields["label_polarity"] = data.label_polarity or get_label_polarity(names)
    if "train" in report:
        counts = list(counts.values())
        weights = compute_class_weights(class_weights, counts) if class_weights else None
        fields["label_prior"] = compute_label_prior(counts, weights)
        fields["label_confusion"] = None  # of an earlier training
    return fields


def prepare_split(rows: Dataset, name: str, tokenizer: PreTrainedTokenizerBase, data: DataArguments) -> Dataset:
    """Return a split with its `input_ids` and `labels`; what it is trained on may be cut shorter than the rest."""
    max_review_length = data.max_review_length
    if name == "train":
        max_review_length = data.max_train_review_length or max_review_length
        if data.shuffle_train_dataset:
            rows = rows.shuffle(seed=data.split_seed)
    return tokenize_reviews(
        rows.rename_column("label", "labels"),
        tokenizer,
        max_review_length=max_review_length,
        truncation_strategy=data.truncation_strategy,
        num_workers=data.preprocessing_num_workers,
        overwrite_cache=data.overwrite_cache,
        desc=f"Tokenize {name}",
    )
