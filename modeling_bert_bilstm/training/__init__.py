"""Training: options and recipes, batches, the trainer, and what a run writes about itself."""

from .arguments import DataArguments, ModelArguments, ReviewTrainingArguments, parse_arguments
from .batching import ReviewCollator, prepare_tokenizer, tokenize_reviews
from .trainer import ReviewTrainer


__all__ = [
    "DataArguments",
    "ModelArguments",
    "ReviewCollator",
    "ReviewTrainer",
    "ReviewTrainingArguments",
    "parse_arguments",
    "prepare_tokenizer",
    "tokenize_reviews",
]
