"""Read reviews with an exported model, as someone who has only onnxruntime and tokenizers installed.

usage: python examples/use_onnx_model.py FOLDER/onnx/model.onnx FOLDER/tokenizer.json REVIEW [REVIEW ...]
"""

import json
import sys

import numpy as np
import onnxruntime
from tokenizers import Tokenizer


def main(argv: list[str] | None = None) -> list[dict]:
    """Print the sentiment of each review and return it."""
    arguments = sys.argv[1:] if argv is None else argv
    if len(arguments) < 3:
        sys.exit(__doc__)
    model, tokenizer_file, *reviews = arguments

    # 1. Open the file; its metadata name the labels.
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    metadata = session.get_modelmeta().custom_metadata_map
    labels = list(json.loads(metadata["id2label"]).values())

    # 2. From text to word pieces. Nothing is cut: the model reads reviews of any length.
    tokenizer = Tokenizer.from_file(tokenizer_file)
    tokenizer.no_truncation()
    tokenizer.enable_padding(pad_id=int(metadata["pad_token_id"]))
    encoded = tokenizer.encode_batch(reviews)
    input_ids = np.array([review.ids for review in encoded], dtype=np.int64)  # (B, T)
    attention_mask = np.array([review.attention_mask for review in encoded], dtype=np.int64)  # (B, T)

    # 3. Score them together.
    (logits,) = session.run(["logits"], {"input_ids": input_ids, "attention_mask": attention_mask})  # (B, C)
    answers = [describe(row, labels, metadata["problem_type"]) for row in logits]
    for review, answer in zip(reviews, answers, strict=True):
        print(f"{answer}  {review[:80]}")
    return answers


def describe(logits: np.ndarray, labels: list[str], problem_type: str) -> dict[str, float]:
    """Return the probability of each label, or the number where the model gives one: (C,) -> {label: score}."""
    if problem_type == "regression":
        scores = logits
    elif problem_type == "multi_label_classification":
        scores = 1 / (1 + np.exp(-logits))
    else:
        scores = np.exp(logits - logits.max())
        scores /= scores.sum()
    return {label: round(float(score), 4) for label, score in zip(labels, scores, strict=True)}


if __name__ == "__main__":
    main()
