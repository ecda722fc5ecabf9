"""Half precision on a machine without a GPU: bfloat16 is really used, float16 is refused."""

import json
import os
import re
import subprocess
import sys

import pandas as pd
import pytest
import torch

import train
from modeling_bert_bilstm.training import training_options
from modeling_bert_bilstm.training.arguments import parse_arguments
from modeling_bert_bilstm.training.training_options import check_precision
from tests.conftest import REPOSITORY, build_reviews


# Runs train.py with its trainer, and prints what a layer of the encoder computed in and which AdamW was used.
PROBE = """
import sys, torch, train

seen = set()

class ProbedTrainer(train.ReviewTrainer):
    def train(self, **kwargs):
        layer = self.model.encoder.encoder.layer[0].output.dense
        layer.register_forward_hook(lambda module, inputs, output: seen.add((module.training, output.dtype)))
        return super().train(**kwargs)

    def log(self, *args, **kwargs):
        super().log(*args, **kwargs)
        self.fused = {group["fused"] for group in self.optimizer.param_groups}
        self.dtypes = {parameter.dtype for parameter in self.model.parameters()}

    def compute_logits(self, split):
        print("PROBE", sorted(map(str, seen)), self.fused, self.dtypes)
        return super().compute_logits(split)

train.ReviewTrainer = ProbedTrainer
train.main()
"""
LAUNCH = "-m accelerate.commands.launch --num_processes 1 --num_machines 1 --mixed_precision no --dynamo_backend no"
needs_no_gpu = pytest.mark.skipif(torch.accelerator.is_available(), reason="of a machine without a GPU")


@pytest.fixture
def flags(encoder_folder, tmp_path):
    texts, labels = build_reviews(16)
    pd.DataFrame({"text": texts, "label": labels}).to_csv(tmp_path / "a.csv", index=False)
    options = "--num_train_epochs 1 --validation_size 4 --window_length 16 --window_overlap 4 --disable_tqdm true"
    flags = ["--model_name_or_path", str(encoder_folder), "--train_file", str(tmp_path / "a.csv"), *options.split()]
    return [*flags, "--output_dir", str(tmp_path / "run"), "--report_to", "none", "--save_strategy", "no"]


@needs_no_gpu
@pytest.mark.parametrize(
    ("launch", "extra"),
    [("", []), (LAUNCH, ["--head_learning_rate", "1e-3", "--num_cpu_threads", "1"])],
    ids=["python", "accelerate"],
)
def test_bfloat16_is_really_used(launch, extra, flags, tmp_path):
    (tmp_path / "probe.py").write_text(PROBE, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, *launch.split(), str(tmp_path / "probe.py"), *flags, *extra, "--bf16"],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "HF_DATASETS_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    expected = "PROBE ['(False, torch.bfloat16)', '(True, torch.bfloat16)'] {True} {torch.float32}"
    assert expected in done.stdout


@pytest.mark.parametrize("is_faster", [True, False])
def test_bfloat16_where_it_is_faster(is_faster, flags, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(training_options, "is_bfloat16_faster", lambda device: asked.append(device.type) or is_faster)
    run = train.prepare_run([*flags, "--use_cpu", "--bf16_if_faster"])
    assert asked == ["cpu"]
    assert run.options[2].bf16 is is_faster
    assert run.trainer.accelerator.mixed_precision == ("bf16" if is_faster else "no")
    train.carry_out(run)
    results = json.loads((tmp_path / "run" / "results.json").read_text(encoding="utf-8"))
    assert results["environment"]["process"]["precision"] == ("bfloat16" if is_faster else "float32")
    assert results["arguments"]["training"]["bf16_if_faster"] is True
    assert ("bf16" in results["arguments"]["training"]) == is_faster


def test_what_was_chosen_is_not_measured(monkeypatch):
    monkeypatch.setattr(training_options, "is_bfloat16_faster", lambda device: pytest.fail("it was measured"))
    assert parse_arguments(["--use_cpu"])[2].mixed_precision == "no"
    assert parse_arguments(["--use_cpu", "--bf16", "--bf16_if_faster"])[2].mixed_precision == "bf16"
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    assert parse_arguments(["--use_cpu", "--bf16_if_faster"])[2].mixed_precision == "bf16"


def test_bfloat16_where_it_is_faster_excludes_float16(monkeypatch):
    message = (
        "`--bf16_if_faster` and `--fp16`, or `--mixed_precision fp16` of `accelerate launch`, exclude each other."
    )
    for launcher, flags in (("no", ["--fp16"]), ("fp16", [])):
        monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", launcher)
        with pytest.raises(ValueError, match=re.escape(message)):
            parse_arguments(["--use_cpu", "--bf16_if_faster", *flags])
        assert parse_arguments(["--use_cpu", "--bf16_if_faster", "false", *flags])[2].mixed_precision == "fp16"


@needs_no_gpu
@pytest.mark.parametrize("option", ["bf16", "bf16_full_eval", "bf16_if_faster"])
def test_bfloat16_needs_no_further_flag(option):
    assert parse_arguments([f"--{option}"])[2].device.type == "cpu"


def test_float16_is_refused_on_a_cpu(flags, monkeypatch):
    message = "`--fp16` needs a GPU, but this run is on the CPU, where Trainer would leave it out without a word."
    for extra, launcher in (["--fp16"], "no"), ([], "fp16"):
        monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", launcher)
        with pytest.raises(ValueError, match=re.escape(message)) as caught:
            train.main([*flags, "--use_cpu", *extra])
        assert "`--fp16 false --bf16`" in str(caught.value)
        check_precision(parse_arguments([*flags, "--use_cpu", *extra, "--fp16", "false", "--bf16"])[2])
