"""Changed copies of reviews, for the train split and no other."""

import logging
from collections import Counter
from collections.abc import Mapping

from datasets import Dataset, concatenate_datasets

from ..augmentation import augment_minority, build_augmenter
from ..data.sampling import compute_fingerprint
from .data_options import DataArguments


logger = logging.getLogger(__name__)


def augment_train_split(
    splits: Mapping[str, Dataset], report: Mapping[str, dict], data: DataArguments, seed: int
) -> tuple[dict[str, Dataset], dict[str, dict]]:
    """Return the splits with copies behind the train reviews, as `--augment` asks; all others are the same objects.

    A copy is as its source in every column but `text`, and `id`, which is that of its source, `#` and a number. Leaks
    must have been dropped before.

    Args:
        splits: As `load_splits` gives them.
        report: Its report. In the one that is returned `augmented` of train is the number of copies; `num_reviews`,
            `label_counts` and `fingerprint` count them.
        data: Options of the data.
        seed: Another seed copies other reviews and changes them otherwise.

    Raises:
        ValueError, OSError, ImportError: The augmenter cannot be built; the message says what is missing.
    """
    if data.augment is None or "train" not in splits:
        return dict(splits), dict(report)
    augmenter = build_augmenter(data.augment, seed)
    if not augmenter.keeps_label:
        logger.warning("`--augment %s` may change what a review says, and its label stays.", augmenter.name)
    rows = splits["train"]
    texts, labels, sources = augment_minority(
        rows["text"][:], rows["label"][:], augmenter, ratio=data.augment_ratio, seed=seed
    )
    columns = rows.select(sources).to_dict()
    columns["text"] = texts[len(rows) :]
    columns["id"] = [f"{name}#{i}" for i, name in enumerate(columns["id"])]
    copies = Dataset.from_dict(columns, features=rows.features)
    counts = Counter(labels)
    train_report = {
        **report["train"],
        "augmented": len(copies),
        "num_reviews": len(texts),
        "label_counts": {name: counts[i] for i, name in enumerate(report["train"]["label_counts"])},
        "fingerprint": compute_fingerprint(texts, labels),
    }
    train = concatenate_datasets([rows, copies]) if len(copies) else rows
    return {**splits, "train": train}, {**report, "train": train_report}
