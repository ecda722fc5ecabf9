"""Train BERT+BiLSTM on film reviews, measure it, and write a run folder that anyone can load.

    accelerate launch train.py recipes/imdb.yaml --learning_rate 3e-5
    python train.py --model_name_or_path bert-base-uncased --train_file reviews.csv

A recipe holds one `option: value` a line; flags win over it. `--help` lists all options.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from datasets import Dataset
from transformers import EarlyStoppingCallback, IntervalStrategy, PreTrainedModel, PreTrainedTokenizerBase, set_seed

from modeling_bert_bilstm.data import ReviewSource, load_splits
from modeling_bert_bilstm.evaluation.environment import describe_environment
from modeling_bert_bilstm.training.arguments import (
    DataArguments,
    ModelArguments,
    ReviewTrainingArguments,
    parse_arguments,
)
from modeling_bert_bilstm.training.batching import ReviewCollator, tokenize_reviews
from modeling_bert_bilstm.training.calibration import fit_temperature
from modeling_bert_bilstm.training.epoch_record import build_history
from modeling_bert_bilstm.training.loading import check_vocabulary, load_model, load_tokenizer, resolve_model
from modeling_bert_bilstm.training.losses import ClassWeightedLoss, compute_class_weights, compute_label_prior
from modeling_bert_bilstm.training.optimizer import freeze_encoder
from modeling_bert_bilstm.training.predictions import compute_probabilities, measure_splits, write_predictions
from modeling_bert_bilstm.training.results import (
    FORMAT_VERSION,
    TASK_OF_PROBLEM,
    describe_data,
    describe_model,
    describe_options,
    render_summary,
    write_json,
)
from modeling_bert_bilstm.training.run_folder import check_run_folder, check_same_model, resolve_resume
from modeling_bert_bilstm.training.trainer import ReviewTrainer


def main(argv: Sequence[str] | None = None) -> Path:
    """Train and evaluate as asked, and return the run folder.

    Args:
        argv: What was typed behind `train.py`. Default: the command line.
    """
    # 1. What was asked, and whether it can be done, before anything is loaded.
    options = model_options, data_options, training_options = parse_arguments(argv)
    run_folder = Path(training_options.output_dir)
    check_run_folder(run_folder, training_options.resume_from_checkpoint)
    checkpoint = resolve_resume(training_options.resume_from_checkpoint, run_folder)
    source = resolve_model(model_options.model_name_or_path)
    set_seed(training_options.seed)

    # 2. Reviews, split and checked for leaks.
    with training_options.main_process_first(desc="reading reviews"):
        splits, report = load_splits(**build_split_options(data_options, model_options))

    # 3. Word pieces: whole reviews, unless a longest review was asked for.
    tokenizer = load_tokenizer(model_options, source)
    with training_options.main_process_first(desc="tokenizing"):
        splits = {name: prepare_split(rows, name, tokenizer, data_options) for name, rows in splits.items()}

    # 4. The model, and which of its weights learn.
    model = load_model(model_options, source, **build_label_fields(data_options, report))
    check_vocabulary(model, tokenizer)
    freeze_encoder(model, model_options.freeze_encoder_layers, model_options.freeze_embeddings)
    if checkpoint is not None:
        check_same_model(model.config, checkpoint)

    # 5. Train, with a record of every epoch.
    trainer = build_trainer(model, tokenizer, splits, options, report)
    if training_options.do_train:
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))

    # 6. One pass over each split that is reported, and the temperature that makes its probabilities honest.
    logits = {name: trainer.compute_logits(name) for name in list_reported_splits(training_options, splits)}
    temperature = calibrate(model, logits, splits) if training_options.do_train else 1.0

    # 7. The run folder: model, tokenizer and code; results; predictions.
    if training_options.do_train:
        trainer.save_model()
    history = build_history(trainer.state.log_history)
    results = {
        "format_version": FORMAT_VERSION,
        "name": training_options.run_name or run_folder.name,
        "task": TASK_OF_PROBLEM[model.config.problem_type],
        "model": describe_model(model, source),
        "arguments": describe_options(*options),
        "seed": training_options.seed,
        "labels": list(model.config.id2label.values()),
        "data": describe_data(data_options, report),
        **measure_splits(logits, splits, model.config.problem_type, temperature),
        "history": history,
        "train_seconds": sum(epoch.get("seconds", 0.0) for epoch in history),
        "evaluate_seconds": trainer.evaluate_seconds,
        "environment": describe_environment(),
    }
    if trainer.is_world_process_zero():
        write_json(run_folder / "results.json", results)
        for name in set(logits) & set(training_options.predict_splits if training_options.do_predict else ()):
            probabilities = compute_probabilities(logits[name], model.config.problem_type, temperature)
            write_predictions(run_folder / "predictions" / f"{name}.parquet", splits[name], probabilities)
        print(render_summary(results, run_folder))
    return run_folder


def calibrate(model: PreTrainedModel, logits: dict[str, np.ndarray], splits: dict[str, Dataset]) -> float:
    """Return the temperature that validation asks for, folded into the weights; 1 where there is none to fit."""
    if model.config.problem_type != "single_label_classification" or "validation" not in logits:
        return 1.0
    temperature = fit_temperature(logits["validation"], splits["validation"]["labels"][:])
    model.fold_temperature(temperature)
    return temperature


def build_split_options(data: DataArguments, model: ModelArguments) -> dict:
    """Return what `load_splits` is to read: each split from its file, or from a split of the data set."""
    if (
        data.dataset_name is None
        and data.train_file is None
        and data.validation_file is None
        and data.test_file is None
    ):
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
            sources[name] = ReviewSource(data.dataset_name, data.dataset_config_name, split, **shared)
    task = "regression" if data.do_regression else "multi_label" if data.multi_label else "single_label"
    passed_on = ("num_labels", "label_names", "validation_size", "test_size", "test_groups", "split_by_group")
    passed_on += ("max_train_samples", "max_eval_samples", "max_predict_samples")
    return {
        **{name: sources.get(name) for name in ("train", "validation", "test")},
        **{name: getattr(data, name) for name in passed_on},
        "task": task,
        "seed": data.split_seed,
    }


def build_label_fields(data: DataArguments, report: dict[str, dict]) -> dict:
    """Return what the configuration says of the labels: names, order, and their shares among the train reviews."""
    counts = next(iter(report.values()))["label_counts"]
    if data.do_regression:
        return {"problem_type": "regression", "id2label": {0: "value"}, "label2id": {"value": 0}}
    names = list(counts)
    fields = {
        "id2label": dict(enumerate(names)),
        "label2id": {name: i for i, name in enumerate(names)},
        "problem_type": "multi_label_classification" if data.multi_label else "single_label_classification",
    }
    if not data.multi_label and "train" in report:
        fields["label_prior"] = compute_label_prior(list(counts.values()))
    return fields


def prepare_split(rows: Dataset, name: str, tokenizer: PreTrainedTokenizerBase, data: DataArguments) -> Dataset:
    """Return a split with its `input_ids` and `labels`."""
    if name == "train" and data.shuffle_train_dataset:
        rows = rows.shuffle(seed=data.split_seed)
    return tokenize_reviews(
        rows.rename_column("label", "labels"),
        tokenizer,
        max_review_length=data.max_review_length,
        truncation_strategy=data.truncation_strategy,
        num_workers=data.preprocessing_num_workers,
        overwrite_cache=data.overwrite_cache,
        desc=f"Tokenize {name}",
    )


def build_trainer(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    splits: dict[str, Dataset],
    options: tuple[ModelArguments, DataArguments, ReviewTrainingArguments],
    report: dict[str, dict],
) -> ReviewTrainer:
    """Return the trainer, with the loss, batches and stopping rule that were asked for."""
    _, data, training = options
    if training.do_train and "train" not in splits:
        raise ValueError("Training needs `--dataset_name` or `--train_file`; `--no_do_train` only evaluates.")
    if "validation" not in splits:
        if training.load_best_model_at_end:
            raise ValueError(
                "`--load_best_model_at_end` and `--early_stopping_patience` need validation reviews, and there are "
                "none. Set `--validation_size` or `--validation_file`."
            )
        training.eval_strategy = IntervalStrategy.NO
    is_single = model.config.problem_type == "single_label_classification"
    if not is_single and (training.class_weights or training.label_smoothing_factor):
        raise ValueError(
            "`--class_weights` and `--label_smoothing_factor` need one label a review. Drop them, or "
            "`--do_regression` and `--multi_label`."
        )
    loss = None
    if training.class_weights:
        weights = compute_class_weights(training.class_weights, list(report["train"]["label_counts"].values()))
        loss = ClassWeightedLoss(weights, training.label_smoothing_factor)
    callbacks = []
    if training.early_stopping_patience is not None:
        callbacks.append(EarlyStoppingCallback(training.early_stopping_patience, training.early_stopping_threshold))
    is_half_on_gpu = (training.bf16 or training.fp16) and not training.use_cpu
    collator = ReviewCollator(
        tokenizer,
        pad_to_length=data.max_review_length if data.pad_to_max_length else None,
        pad_to_multiple_of=8 if is_half_on_gpu else 1,
    )
    return ReviewTrainer(
        model, training, splits, tokenizer, data_collator=collator, compute_loss_func=loss, callbacks=callbacks
    )


def list_reported_splits(training: ReviewTrainingArguments, splits: dict[str, Dataset]) -> list[str]:
    """Return the splits that get a last pass: those to predict, and validation to calibrate with."""
    wanted = set(training.predict_splits if training.do_predict else ())
    if training.do_eval:
        wanted.add("validation")
    return [name for name in splits if name in wanted]


if __name__ == "__main__":
    main()
