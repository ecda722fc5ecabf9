"""Run what is missing of experiments, one process a seed: `python -m baselines.run EXPERIMENT.json ... --data FOLDER`.

An experiment is a file of baselines/experiments, see baselines/experiment.py; baselines/corpora.py says what the data
folder holds. Each seed leaves a result in baselines/results, see baselines/results.py; what is there is not run again.
Progress goes to stderr.

`--encoder` is the folder of the encoder, or one that holds it under its name; without it the encoder comes from the
package that brings it.
"""

import argparse
import json
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from baselines.base import build_system
from baselines.corpora import load_corpus
from baselines.encoders import find_encoder
from baselines.experiment import Experiment, load_experiment
from baselines.glove import load_glove
from baselines.results import (
    RESULTS,
    check_reviews_of_results,
    is_there,
    write_result,
    write_test_reviews,
)
from baselines.run_record import (
    describe_corpus,
    describe_libraries,
    describe_test_reviews,
    describe_training,
)
from modeling_bert_bilstm.evaluation.metrics import compute_metrics
from modeling_bert_bilstm.hardware import choose_num_threads, measure_peak_memory, prepare_process


logger = logging.getLogger("baselines.run")

ROOT = Path(__file__).resolve().parents[1]
_SUM_TOLERANCE = 1e-3


def run_seed(experiment: Experiment, seed: int, data: Path, encoder: Path | None, results: Path) -> Path:
    """Train and test one seed in this process and write its result.

    Args:
        experiment: What to run.
        seed: Of the system.
        data: Folder of the corpora.
        encoder: Folder of the encoder, None where the experiment names none.
        results: Folder of the results.

    Returns:
        The JSON file.

    Raises:
        ValueError: The results that are there are of other reviews; or the system gives something that is not a
            distribution for each test review.
    """
    process = prepare_process(choose_num_threads())
    logger.info("%s, seed %d: %s", experiment.name, seed, process.describe())
    corpus = load_corpus(experiment.corpus, data)
    check_reviews_of_results(results / corpus.name, corpus.fingerprints, np.asarray(corpus.test.labels))
    with tempfile.TemporaryDirectory() as folder:
        glove = write_glove(Path(folder)) if "{glove}" in str(experiment.options) else None
        system = build_system(
            experiment.system,
            num_labels=corpus.num_labels,
            seed=seed,
            encoder=encoder,
            unlabelled=corpus.unlabelled,
            **experiment.fill_in_paths(encoder=encoder, data=data, glove=glove),
        )
        start = time.perf_counter()
        system.fit(corpus.train.texts, corpus.train.labels, (corpus.validation.texts, corpus.validation.labels))
        train_seconds = time.perf_counter() - start
    start = time.perf_counter()
    probabilities = np.asarray(system.predict_proba(corpus.test.texts), dtype=np.float64)
    test_seconds = time.perf_counter() - start
    _check_probabilities(probabilities, (len(corpus.test.texts), corpus.num_labels), experiment.system)
    if encoder is not None:
        reviews = describe_test_reviews(corpus, encoder, experiment.encoder)
        write_test_reviews(results / corpus.name, reviews)
    record = {
        "experiment": experiment.name,
        **{key: value for key, value in asdict(experiment).items() if key not in ("name", "seeds")},
        "seed": seed,
        "metrics": compute_metrics(np.asarray(corpus.test.labels), probabilities),
        "num_parameters": int(system.count_parameters()),
        "train_seconds": train_seconds,
        "reviews_per_second": len(probabilities) / test_seconds,
        **measure_peak_memory(),
        "process": process._asdict(),
        **describe_training(system, encoder),
        **describe_corpus(corpus),
        "environment": describe_libraries(),
    }
    path = experiment.get_path(results, seed)
    write_result(path, record, np.asarray(corpus.test.labels), probabilities)
    return path


def write_glove(folder: Path) -> Path:
    """Write the GloVe vectors that come as a package as text, a word and its numbers a line; return the file."""
    glove = load_glove()
    path = folder / "glove.txt"
    with path.open("w", encoding="utf-8") as file:
        for word, place in glove.places.items():
            numbers = " ".join(f"{number:.5g}" for number in glove.vectors[place].tolist())
            file.write(f"{word} {numbers}\n")
    return path


def _check_probabilities(probabilities: np.ndarray, shape: tuple[int, int], system: str) -> None:
    is_sound = probabilities.shape == shape and np.isfinite(probabilities).all() and (probabilities >= 0).all()
    if not is_sound or (np.abs(probabilities.sum(axis=1) - 1) > _SUM_TOLERANCE).any():
        raise ValueError(
            f"{system!r} must give a distribution over the classes for each test review, {shape}, found "
            f"{probabilities.shape}, or rows that are none."
        )


def run_apart(path: Path, seed: int, arguments: argparse.Namespace) -> bool:
    """Run one seed in a process of its own, whose peak of memory is its own; return whether it went well."""
    command = [sys.executable, "-m", "baselines.run", str(path.resolve()), "--data", str(arguments.data.resolve())]
    command += ["--seed", str(seed), "--results", str(arguments.results.resolve()), "--in_this_process"]
    if arguments.encoder is not None:
        command += ["--encoder", str(arguments.encoder.resolve())]
    return subprocess.run(command, cwd=ROOT).returncode == 0


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiments", type=Path, nargs="+", help="files such as baselines/experiments/sst5-ours.json")
    parser.add_argument("--data", type=Path, required=True, help="folder of the corpora, see baselines/corpora.py")
    parser.add_argument("--encoder", type=Path, help="folder of the encoder, or one that holds it under its name")
    parser.add_argument("--seed", type=int, nargs="+", help="default: the seeds of the experiment")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument("--in_this_process", action="store_true", help="start no process for each seed")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is missing; return how many seeds failed. An encoder that is not at hand leaves its experiments out."""
    arguments = build_parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    num_failed = 0
    for path in arguments.experiments:
        experiment = load_experiment(path)
        try:
            encoder = find_encoder(experiment.encoder, arguments.encoder) if experiment.encoder else None
        except (FileNotFoundError, ValueError) as error:
            if len(arguments.experiments) == 1:
                raise
            logger.warning("%s: left out: %s", experiment.name, error)
            continue
        for seed in arguments.seed or experiment.seeds:
            if is_there(experiment.get_path(arguments.results, seed)):
                logger.info("%s, seed %d: is there", experiment.name, seed)
            elif arguments.in_this_process:
                result = run_seed(experiment, seed, arguments.data, encoder, arguments.results)
                accuracy = json.loads(result.read_text(encoding="utf-8"))["metrics"]["accuracy"]
                logger.info("%s, seed %d: accuracy %.4f", experiment.name, seed, accuracy)
            elif not run_apart(path, seed, arguments):
                logger.error("%s, seed %d: failed", experiment.name, seed)
                num_failed += 1
    return num_failed


if __name__ == "__main__":
    sys.exit(min(main(), 1))
