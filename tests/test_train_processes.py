"""train.py in processes of its own: killed and resumed, and two processes that equal one."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from modeling_bert_bilstm.training.run_folder import find_last_checkpoint
from tests.conftest import REPOSITORY, build_reviews


COMMON = """--use_cpu --disable_tqdm true --learning_rate 1e-2 --window_length 16 --window_overlap 4
    --lstm_hidden_size 5 --report_to none --eval_strategy no""".split()

# Runs train.py several times as `torchrun` does, and leaves beside each run what its first process saw.
PROBE = """
import json, sys, torch
from transformers import TrainerCallback
import train

class Probe(TrainerCallback):
    def on_pre_optimizer_step(self, args, state, control, model=None, **kwargs):
        if state.global_step == 0 and args.process_index == 0:
            gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
            torch.save({"world_size": args.world_size, "gradients": gradients}, args.output_dir + ".pt")

class ProbedTrainer(train.ReviewTrainer):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.add_callback(Probe())

train.ReviewTrainer = ProbedTrainer
for argv in json.loads(sys.argv[1]):
    train.main(argv)
"""
ACCUMULATED = ["--gradient_accumulation_steps", "2"]
VARIANTS = {
    "plain": [],
    "weighted": ["--class_weights", "0.5", "3", *ACCUMULATED],
    "several_labels": ["--multi_label", "--label_column", "topics", *ACCUMULATED],
    "number": ["--do_regression", "--label_column", "stars", *ACCUMULATED],
    "word_pieces": ["--train_batch_word_pieces", "150"],  # of each process; batches of more and of fewer reviews
}


def write_flags(encoder_folder, folder):
    texts, labels = build_reviews(64)
    topics = [
        json.dumps(["long"] * (len(text) > 60) + ["good"] * label) for text, label in zip(texts, labels, strict=True)
    ]
    stars = [2.5 * label + len(text) / 90 for text, label in zip(texts, labels, strict=True)]
    columns = {"text": texts, "label": labels, "topics": topics, "stars": stars}
    pd.DataFrame(columns).to_csv(folder / "train.csv", index=False)
    return ["--model_name_or_path", str(encoder_folder), "--train_file", str(folder / "train.csv"), *COMMON]


def build_environment(folder):
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    return {**os.environ, **offline, "PYTHONPATH": str(REPOSITORY)}


def start(command, environment):
    return subprocess.Popen(
        [sys.executable, *map(str, command)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process):
    try:
        output, _ = process.communicate(timeout=150)
    finally:
        process.kill()
    assert process.returncode == 0, output[-3000:]
    return output


def test_a_killed_run_ends_with_the_same_weights(encoder_folder, tmp_path):
    flags, environment = write_flags(encoder_folder, tmp_path), build_environment(tmp_path)
    command = [
        REPOSITORY / "train.py",
        *flags,
        "--num_train_epochs",
        "9",
        "--save_strategy",
        "steps",
        "--save_steps",
        "6",
    ]
    left_alone = start([*command, "--output_dir", tmp_path / "whole"], environment)
    killed = start([*command, "--output_dir", tmp_path / "killed"], environment)
    try:
        deadline = time.monotonic() + 100
        while find_last_checkpoint(tmp_path / "killed") is None:
            assert killed.poll() is None, killed.communicate()[0][-3000:]
            assert time.monotonic() < deadline
            time.sleep(0.005)
    finally:
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "killed" / "results.json").exists()

    finish(start([*command, "--output_dir", tmp_path / "killed", "--resume_from_checkpoint", "last"], environment))
    finish(left_alone)
    expected, found = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "killed"))
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        assert found[name].equal(value), name
    histories = [json.loads((tmp_path / name / "results.json").read_text())["history"] for name in ("whole", "killed")]
    for one, other in zip(*histories, strict=True):
        assert one["train_loss"] == pytest.approx(other["train_loss"])


@pytest.fixture(scope="module")
def launched(encoder_folder, tmp_path_factory):
    """The folder of all variants, run by one process with batches of 8 and by two with batches of 4."""
    folder = tmp_path_factory.mktemp("launched")
    (folder / "probe.py").write_text(PROBE, encoding="utf-8")
    options = [*write_flags(encoder_folder, folder), "--max_grad_norm", "0", "--num_train_epochs", "1"]
    options += ["--classifier_dropout", "0", "--encoder_hidden_dropout", "0", "--encoder_attention_dropout", "0"]
    options += [
        "--save_strategy",
        "no",
        "--test_size",
        "11",
        "--validation_size",
        "5",
        "--per_device_eval_batch_size",
        "3",
    ]
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    processes = []
    for world_size, launch in ((1, []), (2, launcher)):
        batch = ["--per_device_train_batch_size", str(8 // world_size)]
        runs = []
        for name, extra in VARIANTS.items():
            doubled = ACCUMULATED if name == "word_pieces" and world_size == 1 else []
            runs.append([*options, *batch, *extra, *doubled, "--output_dir", str(folder / f"{name}{world_size}")])
        processes.append(start([*launch, folder / "probe.py", json.dumps(runs)], build_environment(folder)))
    outputs = [finish(process) for process in processes]
    assert [output.count("run folder:") for output in outputs] == [len(VARIANTS)] * 2  # the first process alone speaks
    return folder


@pytest.mark.parametrize("variant", VARIANTS)
def test_two_processes_equal_one_with_the_double_batch(variant, launched):
    seen = [torch.load(launched / f"{variant}{world_size}.pt") for world_size in (1, 2)]
    assert [one["world_size"] for one in seen] == [1, 2]  # some launchers start one process and say nothing
    for name, expected in seen[0]["gradients"].items():
        same = seen[1]["gradients"][name.removeprefix("module.")]
        torch.testing.assert_close(same, expected, rtol=1e-4, atol=1e-7, msg=name)
    weights = [load_file(launched / f"{variant}{world_size}" / "model.safetensors") for world_size in (1, 2)]
    for name, expected in weights[0].items():
        torch.testing.assert_close(weights[1][name], expected, rtol=1e-3, atol=1e-4, msg=name)


@pytest.mark.parametrize("variant", VARIANTS)
def test_two_processes_report_what_one_does(variant, launched):
    tables = [pd.read_parquet(launched / f"{variant}{n}" / "predictions" / "test.parquet") for n in (1, 2)]
    assert tables[0]["id"].tolist() == tables[1]["id"].tolist()
    assert len(tables[0]) == 11
    np.testing.assert_allclose(*(np.stack(table["probabilities"]) for table in tables), atol=1e-3)
    rows = [json.loads((launched / f"{variant}{n}" / "results.json").read_text())["history"][0] for n in (1, 2)]
    assert rows[0]["train_loss"] == pytest.approx(rows[1]["train_loss"], rel=1e-3)
    assert rows[0].get("train_accuracy") == rows[1].get("train_accuracy")
    assert ("train_accuracy" in rows[0]) == (variant != "number")
