"""Nothing is written over, a checkpoint is whole or not used, and what is missing is said."""

import errno
import json
import re
import shutil

import pytest
import torch

from modeling_bert_bilstm import BertBiLSTMForSequenceClassification
from modeling_bert_bilstm.training.mistakes import WritingError
from modeling_bert_bilstm.training.run_folder import (
    check_run_folder,
    check_same_model,
    find_last_checkpoint,
    resolve_resume,
)


@pytest.fixture
def run_folder(tmp_path):
    """A folder with the complete checkpoints 2 and 10."""
    for step in (2, 10):
        folder = tmp_path / "run" / f"checkpoint-{step}"
        folder.mkdir(parents=True)
        for name in ("config.json", "optimizer.pt", "scheduler.pt", "model.safetensors"):
            (folder / name).touch()
        (folder / "trainer_state.json").write_text("{}", encoding="utf-8")
    return tmp_path / "run"


def test_the_last_checkpoint_is_the_one_of_the_most_steps(run_folder, tmp_path):
    assert find_last_checkpoint(run_folder).name == "checkpoint-10"
    assert find_last_checkpoint(tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    "name", ["config.json", "optimizer.pt", "scheduler.pt", "model.safetensors", "trainer_state.json"]
)
def test_an_incomplete_checkpoint_is_passed_over(run_folder, name):
    (run_folder / "checkpoint-10" / name).unlink()
    assert find_last_checkpoint(run_folder).name == "checkpoint-2"
    with pytest.raises(FileNotFoundError, match=re.escape(f"lacks {name}. The last complete one is")):
        resolve_resume(str(run_folder / "checkpoint-10"), run_folder)


def test_a_torn_state_is_incomplete(run_folder):
    (run_folder / "checkpoint-10" / "trainer_state.json").write_text('{"epoch": 1', encoding="utf-8")
    assert find_last_checkpoint(run_folder).name == "checkpoint-2"


def test_ways_to_resume(run_folder, tmp_path):
    for wanted in ("last", "true", "True", True):
        assert resolve_resume(wanted, run_folder).name == "checkpoint-10"
    for wanted in (None, "false", "no", False):
        assert resolve_resume(wanted, run_folder) is None
    assert resolve_resume(str(run_folder / "checkpoint-2"), run_folder).name == "checkpoint-2"
    assert resolve_resume("last", tmp_path / "new") is None  # a job may always be started with it


def test_another_run_is_not_written_over(run_folder, tmp_path):
    (run_folder / "results.json").touch()
    message = f"The folder '{run_folder}' holds another run: results.json, checkpoint-2, checkpoint-10. Go on with"
    with pytest.raises(FileExistsError, match=re.escape(message)) as caught:
        check_run_folder(run_folder, None)
    assert "`--resume_from_checkpoint last`" in str(caught.value)
    assert "`--output_dir`" in str(caught.value)
    check_run_folder(run_folder, "last")
    check_run_folder(tmp_path / "new", None)
    (tmp_path / "notes.txt").touch()
    check_run_folder(tmp_path, None)  # other files are nobody's run
    with pytest.raises(
        FileExistsError, match=re.escape(f"must be a folder, but '{tmp_path / 'notes.txt'}' is a file.")
    ):
        check_run_folder(tmp_path / "notes.txt", None)


def test_what_cannot_be_gone_on_with_is_not_written_over(run_folder):
    """`last` finds nothing in a finished run without checkpoints: it would start from the beginning."""
    for checkpoint in run_folder.iterdir():
        shutil.rmtree(checkpoint)
    (run_folder / "results.json").touch()
    message = f"The folder '{run_folder}' holds a run without a complete checkpoint to go on from: results.json."
    with pytest.raises(FileExistsError, match=re.escape(message)) as caught:
        check_run_folder(run_folder, "last")
    assert "`--output_dir`" in str(caught.value)
    assert f"`--model_name_or_path {run_folder}`" in str(caught.value)


def test_a_checkpoint_from_elsewhere_needs_a_folder_of_its_own(run_folder, tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.mkdir()
    checkpoint = run_folder / "checkpoint-2"
    check_run_folder(other, str(checkpoint))
    (other / "results.json").touch()
    message = f"The folder '{other}' holds another run than the checkpoint '{checkpoint}': results.json."
    with pytest.raises(FileExistsError, match=re.escape(message)):
        check_run_folder(other, str(checkpoint))
    (run_folder / "results.json").touch()
    monkeypatch.chdir(tmp_path)
    check_run_folder(run_folder, "run/checkpoint-2")  # the same folder, named otherwise


def test_a_start_from_the_beginning_is_said(run_folder, tmp_path, caplog):
    check_run_folder(run_folder, "last")
    check_run_folder(tmp_path / "new", None)
    assert not caplog.records
    check_run_folder(tmp_path / "new", "last")
    assert f"'{tmp_path / 'new'}' has no checkpoint yet: training starts from the beginning." in caplog.text
    for name in ("checkpoint-2", "checkpoint-10"):
        (run_folder / name / "trainer_state.json").unlink()
    caplog.clear()
    check_run_folder(run_folder, "last")  # killed during its first save: nothing is lost
    assert "has only incomplete checkpoints (checkpoint-2, checkpoint-10): training starts" in caplog.text
    assert caplog.records[0].levelname == "WARNING"


def test_a_checkpoint_of_another_model_is_refused(model_folder, tiny_model):
    check_same_model(tiny_model.config, model_folder)
    tiny_model.config.lstm_num_layers = 2
    with pytest.raises(ValueError, match=re.escape("was trained with `lstm_num_layers` 1, but this run has 2.")):
        check_same_model(tiny_model.config, model_folder)


@pytest.mark.parametrize("where", ["weights", "optimizer", "state"])
def test_a_full_disk_keeps_the_last_good_checkpoint(where, build_split, build_trainer, monkeypatch, tmp_path):
    def fail(*args, **kwargs):
        if trainer.state.global_step < 4:
            return whole(*args, **kwargs)
        raise (
            OSError(errno.ENOSPC, "No space left on device") if where != "optimizer" else RuntimeError("write failed")
        )

    trainer = build_trainer({"train": build_split(32)}, save_strategy="steps", save_steps=2)
    if where == "weights":
        whole = trainer.model.save_pretrained
        monkeypatch.setattr(trainer.model, "save_pretrained", fail)
    elif where == "optimizer":
        whole = torch.save
        monkeypatch.setattr(torch, "save", fail)
    else:
        whole = type(trainer.state).save_to_json
        monkeypatch.setattr(type(trainer.state), "save_to_json", fail)
    folder = tmp_path / "run"
    message = f"The checkpoint '{folder / 'checkpoint-4'}' could not be written and was removed"
    with pytest.raises(WritingError, match=re.escape(message)) as caught:
        trainer.train()
    assert "`--resume_from_checkpoint last`" in str(caught.value)
    assert not (folder / "checkpoint-4").exists()
    assert find_last_checkpoint(folder) == folder / "checkpoint-2"
    BertBiLSTMForSequenceClassification.from_pretrained(folder / "checkpoint-2")


def test_a_checkpoint_that_is_whole_stays_where_an_older_one_cannot_be_removed(
    build_split, build_trainer, monkeypatch, tmp_path
):
    def fail(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    trainer = build_trainer({"train": build_split(32)}, save_strategy="steps", save_steps=2)
    monkeypatch.setattr("transformers.trainer.rotate_checkpoints", fail)
    folder = tmp_path / "run" / "checkpoint-2"
    message = f"The checkpoint '{folder}' is whole, but what follows its writing failed: [Errno 13] Permission denied."
    with pytest.raises(WritingError, match=re.escape(message)) as caught:
        trainer.train()
    assert "`--resume_from_checkpoint last`" in str(caught.value)
    assert find_last_checkpoint(folder.parent) == folder


def test_an_older_state_does_not_vouch_for_a_new_checkpoint(build_split, build_trainer, monkeypatch, tmp_path):
    trainer = build_trainer({"train": build_split(16)}, save_strategy="steps", save_steps=1)
    trainer.train()
    folder = tmp_path / "run" / "checkpoint-2"
    assert find_last_checkpoint(folder.parent) == folder
    monkeypatch.setattr(shutil, "rmtree", lambda *args, **kwargs: None)  # as if killed
    monkeypatch.setattr(trainer.model, "save_pretrained", lambda *args, **kwargs: 1 / 0)
    with pytest.raises(OSError, match="could not be written"):
        trainer._save_checkpoint(trainer.model, None)
    assert find_last_checkpoint(folder.parent) is None


@pytest.mark.parametrize("save_steps", [3, 4])
@pytest.mark.parametrize("grouped", [False, True])
def test_a_resumed_run_equals_one_left_alone(save_steps, grouped, tiny_model, build_split, build_trainer, tmp_path):
    """Checkpoints within an epoch of 4 steps, and at its end; with dropout, and with the epoch's record."""
    splits = {"train": build_split(32), "validation": build_split(6, seed=1)}
    start = {name: value.clone() for name, value in tiny_model.state_dict().items()}

    def run(resume=None):
        tiny_model.load_state_dict(start)
        trainer = build_trainer(
            splits, num_train_epochs=3, save_strategy="steps", save_steps=save_steps, save_total_limit=None,
            group_by_length=grouped, head_learning_rate=1e-2,
        )  # fmt: skip
        tiny_model.classifier_dropout.p = 0.3
        trainer.train(resume_from_checkpoint=resume)
        log = [entry for entry in trainer.state.log_history if "train_accuracy" in entry]
        return {name: value.clone() for name, value in tiny_model.state_dict().items()}, log

    expected, expected_log = run()
    torch.manual_seed(123)
    found, found_log = run(resume=str(tmp_path / "run" / f"checkpoint-{2 * save_steps}"))
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert not torch.equal(expected["classifier.weight"], start["classifier.weight"])
    for name in ("epoch", "train_loss", "train_accuracy"):
        assert [entry[name] for entry in found_log] == pytest.approx([entry[name] for entry in expected_log])


def test_a_checkpoint_holds_what_a_stranger_needs(build_split, build_trainer, tmp_path):
    build_trainer({"train": build_split(8)}, save_strategy="epoch").train()
    names = {path.name for path in (tmp_path / "run" / "checkpoint-1").iterdir()}
    assert names >= {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    assert names >= {"configuration_bert_bilstm.py", "modeling_bert_bilstm.py", "polarity.py"}
    config = json.loads((tmp_path / "run" / "checkpoint-1" / "config.json").read_text(encoding="utf-8"))
    assert set(config["auto_map"]) == {"AutoConfig", "AutoModel", "AutoModelForSequenceClassification"}
