"""The leak check: no train review has a text that stands in validation or in test."""

import logging

import datasets

from .sampling import normalise_text


logger = logging.getLogger(__name__)


def drop_leaked(splits: dict[str, datasets.Dataset], report: dict[str, dict]) -> None:
    """Drop train rows whose text stands in validation or test; count validation texts that stand in test.

    Both are changed in place.

    Raises:
        ValueError: No train review is left.
    """
    texts = {split: [normalise_text(text) for text in rows["text"][:]] for split, rows in splits.items()}
    if "train" in splits:
        held_out = set(texts.get("validation", ())) | set(texts.get("test", ()))
        kept = [i for i, text in enumerate(texts["train"]) if text not in held_out]
        if not kept:
            raise ValueError(_explain_empty(texts))
        report["train"]["dropped_leaked"] += len(texts["train"]) - len(kept)
        splits["train"] = splits["train"].select(kept) if len(kept) < len(texts["train"]) else splits["train"]
    if "validation" in splits:
        in_test = set(texts.get("test", ()))
        shared = sum(text in in_test for text in texts["validation"])
        report["validation"]["shared_with_test"] = shared
        if shared:
            logger.warning("%d texts stand in validation and in test; both keep them.", shared)


def _explain_empty(texts: dict[str, list[str]]) -> str:
    in_train = set(texts["train"])
    where = [split for split in ("validation", "test") if not in_train.isdisjoint(texts.get(split, ()))]
    flags = " and ".join(f"`--{split}_file`" for split in where)
    return (
        f"All {len(texts['train'])} train reviews also stand in {' and '.join(where)}, so that none is left to train "
        f"on. Name another source with `--train_file`, or with {flags}."
    )
