"""Train BERT+BiLSTM on film reviews, measure it, and write a run folder that anyone can load.

    accelerate launch train.py recipes/imdb.yaml --learning_rate 3e-5
    python train.py --model_name_or_path bert-base-uncased --train_file reviews.csv

A recipe holds one `option: value` a line; flags win over it. `--help` lists all options.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from datasets import Dataset
from transformers import EarlyStoppingCallback, IntervalStrategy, PreTrainedModel, PreTrainedTokenizerBase, set_seed

from modeling_bert_bilstm.data import load_splits
from modeling_bert_bilstm.hardware import describe_environment
from modeling_bert_bilstm.training.arguments import (
    DataArguments,
    ModelArguments,
    ReviewTrainingArguments,
    parse_arguments,
)
from modeling_bert_bilstm.training.augmenting import augment_train_split
from modeling_bert_bilstm.training.batching import ReviewCollator
from modeling_bert_bilstm.training.calibration import fold_calibration
from modeling_bert_bilstm.training.epoch_record import build_history
from modeling_bert_bilstm.training.explaining import find_important_words
from modeling_bert_bilstm.training.loading import (
    ModelSource,
    check_vocabulary,
    load_config,
    load_model,
    load_tokenizer,
    resolve_model,
)
from modeling_bert_bilstm.training.losses import ClassWeightedLoss, compute_class_weights
from modeling_bert_bilstm.training.mistakes import WritingError, end_on_mistake
from modeling_bert_bilstm.training.optimizer import freeze_encoder
from modeling_bert_bilstm.training.predictions import (
    check_metric,
    compute_probabilities,
    measure_splits,
    write_predictions,
)
from modeling_bert_bilstm.training.process_setup import set_up_process
from modeling_bert_bilstm.training.results import (
    FORMAT_VERSION,
    TASK_OF_PROBLEM,
    describe_data,
    describe_model,
    describe_options,
    render_summary,
    write_json,
)
from modeling_bert_bilstm.training.review_splits import (
    build_label_fields,
    build_split_options,
    get_problem_type,
    prepare_split,
)
from modeling_bert_bilstm.training.run_folder import (
    check_run_folder,
    check_same_model,
    check_trained,
    explain_failed_writing,
    resolve_resume,
    save_model_whole,
)
from modeling_bert_bilstm.training.trainer import ReviewTrainer
from modeling_bert_bilstm.training.training_options import check_precision


class Run(NamedTuple):
    """All that a run needs, checked and loaded: nothing is left that the user could have got wrong."""

    options: tuple[ModelArguments, DataArguments, ReviewTrainingArguments]
    source: ModelSource
    splits: dict[str, Dataset]
    report: dict[str, dict]
    trainer: ReviewTrainer
    checkpoint: Path | None
    process: dict[str, str | int | bool]


def main(argv: Sequence[str] | None = None) -> Path:
    """Train and evaluate as asked, and return the run folder.

    Args:
        argv: What was typed behind `train.py`. Default: the command line.
    """
    return carry_out(prepare_run(argv))


def prepare_run(argv: Sequence[str] | None = None) -> Run:
    """Load what was asked for.

    Raises:
        ValueError, TypeError, OSError, ImportError: It cannot be done; the message says what to change.
    """
    # 1. What was asked, whether it can be done, and the settings of the process, before anything is loaded.
    options = model_options, data_options, training_options = parse_arguments(argv)
    check_precision(training_options)
    process, line = set_up_process(training_options)
    if training_options.process_index == 0:
        print(line, flush=True)
    run_folder = Path(training_options.output_dir)
    check_run_folder(run_folder, training_options.resume_from_checkpoint)
    checkpoint = resolve_resume(training_options.resume_from_checkpoint, run_folder)
    source = resolve_model(model_options.model_name_or_path)
    config, tokenizer = load_config(model_options, source), load_tokenizer(model_options, source)
    if training_options.do_train:
        check_metric(training_options.metric_for_best_model, get_problem_type(data_options))
    else:
        is_fresh = model_options.ignore_mismatched_sizes
        check_trained(config, source.name, training_options.resume_from_checkpoint, has_fresh_classifier=is_fresh)
    set_seed(training_options.seed)

    # 2. Reviews, split and checked for leaks; then copies in the train split, where asked for.
    with training_options.main_process_first(desc="reading reviews"):
        splits, report = load_splits(**build_split_options(data_options, model_options))
        if training_options.do_train:
            splits, report = augment_train_split(splits, report, data_options, training_options.seed)

    # 3. Word pieces: whole reviews, unless a longest review was asked for.
    with training_options.main_process_first(desc="tokenizing"):
        splits = {name: prepare_split(rows, name, tokenizer, data_options) for name, rows in splits.items()}

    # 4. The model, which of its weights learn, and how.
    label_fields = build_label_fields(data_options, report, training_options.class_weights)
    model = load_model(model_options, source, config, **label_fields)
    check_vocabulary(model, tokenizer)
    freeze_encoder(model, model_options.freeze_encoder_layers, model_options.freeze_embeddings)
    if checkpoint is not None:
        check_same_model(model.config, checkpoint)
    trainer = build_trainer(model, tokenizer, splits, options, report)
    return Run(options, source, splits, report, trainer, checkpoint, process)


def carry_out(run: Run) -> Path:
    """Train, measure, and write the run folder, which is returned."""
    (_, data_options, training_options), trainer, model = run.options, run.trainer, run.trainer.model
    run_folder = Path(training_options.output_dir)

    # 5. Train, with a record of every epoch.
    if training_options.do_train:
        trainer.train(resume_from_checkpoint=None if run.checkpoint is None else str(run.checkpoint))

    # 6. One pass over each split that is reported, and the temperature that makes its probabilities honest.
    logits = {name: trainer.compute_logits(name) for name in list_reported_splits(training_options, run.splits)}
    temperature = calibrate(model, logits, run.splits) if training_options.do_train else 1.0

    # 7. The run folder: model, tokenizer and code; results; predictions.
    history = build_history(trainer.state.log_history)
    results = {
        "format_version": FORMAT_VERSION,
        "name": training_options.run_name or run_folder.name,
        "task": TASK_OF_PROBLEM[model.config.problem_type],
        "model": describe_model(model, run.source),
        "arguments": describe_options(*run.options),
        "seed": training_options.seed,
        "labels": list(model.config.id2label.values()),
        "data": describe_data(data_options, run.report),
        **measure_splits(logits, run.splits, model.config.problem_type, temperature),
        "history": history,
        "train_seconds": sum(epoch.get("seconds", 0.0) for epoch in history),
        "evaluate_seconds": trainer.evaluate_seconds,
        "environment": {**describe_environment(), "process": run.process},
    }
    with explain_failed_writing(run_folder):
        if training_options.do_train:
            save_model_whole(trainer, run_folder)
        if trainer.is_world_process_zero():
            for name in set(logits) & set(training_options.predict_splits if training_options.do_predict else ()):
                probabilities = compute_probabilities(logits[name], model.config.problem_type, temperature)
                write_predictions(run_folder / "predictions" / f"{name}.parquet", run.splits[name], probabilities)
            results["important_words"] = find_important_words(
                model, trainer.processing_class, run.splits, training_options.explained_word_pieces
            )
            write_json(run_folder / "results.json", results)  # last: a run that has them is finished
    if trainer.is_world_process_zero():
        print(render_summary(results, run_folder))
    if training_options.do_train and training_options.push_to_hub:
        trainer.push_to_hub()
    return run_folder


def calibrate(model: PreTrainedModel, logits: dict[str, np.ndarray], splits: dict[str, Dataset]) -> float:
    """Return the temperature that validation asks for, folded into the weights; 1 where there is none to fit."""
    if model.config.problem_type != "single_label_classification" or "validation" not in logits:
        return 1.0
    return fold_calibration(model, logits["validation"], np.asarray(splits["validation"]["labels"][:]))


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
    with end_on_mistake("train.py"):
        prepared = prepare_run()
    with end_on_mistake("train.py", (WritingError,)):
        carry_out(prepared)
