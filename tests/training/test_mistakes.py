"""train.py as a script: a mistake ends it with one line, anything else keeps its traceback."""

import os
import re
import subprocess
import sys

import pytest

from modeling_bert_bilstm.training.arguments import build_parser
from modeling_bert_bilstm.training.mistakes import WritingError, end_on_mistake
from tests.conftest import REPOSITORY, build_reviews


SCRIPT = str(REPOSITORY / "train.py")


def run_script(*command, **environment):
    return subprocess.run(
        [sys.executable, *map(str, command)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY), **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    "error",
    [
        ValueError("`a` is bad."),
        TypeError("`a` is bad."),
        FileNotFoundError("`a` is bad."),
        FileExistsError("`a` is bad."),
        ImportError("`a`\n  is bad."),
        ConnectionError("`a` is bad."),
    ],
)
def test_a_mistake_ends_with_one_line(error):
    with pytest.raises(SystemExit) as caught, end_on_mistake("train.py"):
        raise error
    assert caught.value.code == "train.py: `a` is bad."  # which Python prints, for an exit status of 1


def test_an_error_without_a_message_has_its_name():
    with pytest.raises(SystemExit, match="train.py: NotADirectoryError"), end_on_mistake("train.py"):
        raise NotADirectoryError


def test_in_training_only_a_failed_write_is_said_in_one_line():
    with pytest.raises(SystemExit, match="train.py: The disk is full."), end_on_mistake("train.py", (WritingError,)):
        raise WritingError("The disk is full.")
    with pytest.raises(OSError, match="a defect"), end_on_mistake("train.py", (WritingError,)):
        raise OSError("a defect")


@pytest.mark.parametrize("error", [KeyError("a"), RuntimeError("a"), KeyboardInterrupt()])
def test_a_defect_keeps_its_traceback(error):
    with pytest.raises(type(error)), end_on_mistake("train.py"):
        raise error


def test_the_first_process_speaks_before_the_others(monkeypatch):
    """Whoever starts them ends all as soon as one has ended: the first must have had time to say why."""
    waited = []
    monkeypatch.setattr("time.sleep", waited.append)
    for rank, expected in (("0", []), ("1", [10])):
        monkeypatch.setenv("RANK", rank)
        with pytest.raises(SystemExit, match="train.py: `a` is bad."), end_on_mistake("train.py"):
            raise ValueError("`a` is bad.")
        assert waited == expected


def test_the_script_says_what_is_wrong_in_its_last_line():
    done = run_script(SCRIPT, "--learning_rat", "1")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("train.py: The flag `--learning_rat` is unknown.")
    assert "Traceback" not in done.stderr


def test_developers_can_have_the_traceback():
    done = run_script("-X", "dev", "-W", "ignore", SCRIPT, "--learning_rat", "1")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_two_processes_say_it_once_and_end(encoder_folder, tmp_path):
    """Also where the first process fails while the others wait for it to read the reviews."""
    (tmp_path / "a.csv").write_text("text,stars\ngood film,1\n", encoding="utf-8")
    flags = ["--model_name_or_path", encoder_folder, "--train_file", tmp_path / "a.csv", "--use_cpu"]
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = run_script(*launcher, SCRIPT, *flags, "--output_dir", tmp_path / "run", HF_DATASETS_CACHE=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.count("train.py: The data needs the columns") == 1


@pytest.mark.parametrize("kind", ["ValueError", "WritingError"])
def test_an_error_in_training_keeps_its_traceback(kind, encoder_folder, tmp_path):
    """Run as a script with a trainer that fails: then only a full disk is not a defect."""
    rows = zip(*build_reviews(12), strict=True)
    text = "\n".join(["text,label", *(f'"{review}",{label}' for review, label in rows)])
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    flags = [
        "--model_name_or_path",
        encoder_folder,
        "--train_file",
        tmp_path / "a.csv",
        "--use_cpu",
        "--window_overlap",
        "4",
    ]
    probe = (
        "import runpy, sys\nfrom modeling_bert_bilstm.training import trainer\n"
        "from modeling_bert_bilstm.training.mistakes import WritingError\n"
        f"def fail(*args, **kwargs): raise {kind}('not the user')\n"
        f"trainer.ReviewTrainer.train = fail\nrunpy.run_path({SCRIPT!r}, run_name='__main__')"
    )
    done = run_script("-c", probe, *flags, "--output_dir", tmp_path / "run", HF_DATASETS_CACHE=str(tmp_path))
    assert done.returncode == 1
    assert ("Traceback" in done.stderr) == (kind == "ValueError")
    assert done.stderr.splitlines()[-1] == f"{'train.py' if kind == 'WritingError' else kind}: not the user"


def test_help_lists_every_option_with_its_help():
    done = run_script(SCRIPT, "--help")
    assert done.returncode == 0
    printed = re.sub(r"\s+", "", done.stdout)  # lines are broken anywhere
    for action in build_parser()._actions:
        assert action.help, action.dest
        assert all(flag in printed for flag in action.option_strings)
        assert re.sub(r"\s+", "", action.help.split("%")[0])[:200] in printed, action.dest
