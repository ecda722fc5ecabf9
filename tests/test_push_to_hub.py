"""The script, as a person runs it, against the double of the Hub; then the model, as a stranger loads it over HTTP."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer

import push_to_hub
from modeling_bert_bilstm import BertBiLSTMForSequenceClassification
from modeling_bert_bilstm.publishing import HubFolderCheck, PublishingError, render_usage
from modeling_bert_bilstm.publishing.check import CHECK_TEXTS, load_as_stranger
from tests.hub_double.server import HubDouble, point_client_at
from tests.publishing.run_folder import HUB_FILES, build_results, edit_json, write_json, write_run_folder


SCRIPT = Path(push_to_hub.__file__)
TOKEN = "hf_" + "Token0of0me" * 3


@pytest.fixture(scope="module")
def hub():
    with HubDouble() as hub:
        hub.add_user("me", TOKEN)
        yield hub


@pytest.fixture(scope="module")
def run_folder(model_folder, tmp_path_factory):
    return write_run_folder(model_folder, tmp_path_factory.mktemp("publish") / "run")


@pytest.fixture(scope="module")
def expected_logits(run_folder):
    tokenizer = AutoTokenizer.from_pretrained(run_folder)
    model = BertBiLSTMForSequenceClassification.from_pretrained(run_folder).eval()
    with torch.no_grad():
        return [model(**tokenizer(text, return_tensors="pt")).logits[0].tolist() for text in CHECK_TEXTS]


@pytest.fixture(scope="module")
def pushed(hub, run_folder, tmp_path_factory):
    """What the script printed while it published `me/model`, in a process of its own."""
    done = subprocess.run(
        [sys.executable, SCRIPT, run_folder, "--repo_id", "me/model", "--tag", "v1"],
        capture_output=True,
        text=True,
        cwd=tmp_path_factory.mktemp("elsewhere"),
        env={**os.environ, **hub.build_environment(TOKEN), "PYTHONPATH": str(SCRIPT.parent)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert TOKEN not in done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def run_main(hub, run_folder, monkeypatch):
    """`main` within this process, against the double, without the check in another process."""
    point_client_at(hub, monkeypatch)
    checked = HubFolderCheck({"aggregate-polarity": {}}, {}, is_compared=True)
    monkeypatch.setattr(push_to_hub, "check_hub_folder", lambda *folders: checked)
    monkeypatch.setattr(push_to_hub, "get_token", lambda: None)
    return lambda *arguments: push_to_hub.main([str(run_folder), *arguments])


def get_head(hub, repo_id="me/model", branch="main"):
    return hub.repos[repo_id].branches[branch]


def test_the_script_publishes_exactly_the_list(hub, pushed):
    repo = hub.repos["me/model"]
    assert sorted(repo.resolve("main").files) == [".gitattributes", *HUB_FILES]
    assert len(repo.commits) == 2
    assert repo.tags == {"v1": get_head(hub)}
    assert not any(TOKEN.encode() in blob.content for blob in repo.resolve("main").files.values())


def test_the_script_prints_the_check_the_list_and_the_use(hub, pushed):
    assert "Logged in as me." in pushed
    assert pushed.count("loaded, equal to the run") == 6
    assert all(f"  {name}\n" in pushed for name in HUB_FILES)
    assert f"Pushed to {hub.url}/me/model/commit/{get_head(hub)}" in pushed
    assert pushed.rstrip().endswith(render_usage("me/model", get_head(hub)))


def test_a_stranger_loads_the_pinned_commit_over_http(hub, run_folder, pushed, expected_logits):
    commit = get_head(hub)
    files = hub.repos["me/model"].resolve(commit).files
    hub.write_file(hub.repos["me/model"], "modeling_bert_bilstm.py", b"raise RuntimeError('a later commit')")
    hub.requests.clear()
    try:
        answers, _ = load_as_stranger("me/model", revision=commit, environment=hub.build_environment())
    finally:
        hub.repos["me/model"].branches["main"] = commit
    assert answers["AutoModel"] == answers["AutoModelForSequenceClassification"] == expected_logits
    assert len(answers["sentiment-analysis"]) == answers["aggregate-polarity"]["num_reviews"] == len(CHECK_TEXTS)
    downloaded = {request.rsplit("/", 1)[1] for request in hub.requests if request.startswith("GET /me/model/resolve")}
    assert {name for name in files if name.endswith((".py", ".safetensors"))} <= downloaded


def test_a_private_model_loads_with_the_token_alone(hub, run_main, expected_logits, monkeypatch):
    run_main("--repo_id", "me/secret", "--private", "--token", TOKEN)
    assert hub.repos["me/secret"].is_private
    monkeypatch.setenv("HF_TOKEN", TOKEN)  # of the person who publishes; no stranger has it
    with pytest.raises(PublishingError, match=r"cannot use `me/secret`: AutoConfig failed"):
        load_as_stranger("me/secret", environment=hub.build_environment())
    answers, _ = load_as_stranger("me/secret", environment=hub.build_environment(TOKEN))
    assert answers["AutoModel"] == expected_logits


def test_pushing_again_says_that_nothing_changed(hub, pushed, run_main, capsys):
    head = get_head(hub)
    published = run_main("--repo_id", "me/model", "--token", TOKEN)
    assert not published.outcome.is_changed
    assert (
        f"Nothing changed: me/model has these files already, at {head}. No commit was made." in capsys.readouterr().out
    )
    assert get_head(hub) == head


def test_a_dry_run_needs_no_token_and_sends_nothing(hub, run_main, tmp_path, capsys):
    hub.requests.clear()
    published = run_main("--repo_id", "me/dry", "--dry_run", "--output_dir", str(tmp_path / "hub"))
    assert published.outcome is None
    assert published.files == {name: (tmp_path / "hub" / name).stat().st_size for name in HUB_FILES}
    assert hub.requests == []
    printed = capsys.readouterr().out
    assert f"{published.files['model.safetensors']:>14,}  model.safetensors" in printed
    assert f"{sum(published.files.values()):>14,}  bytes in {len(HUB_FILES)} files" in printed
    assert "Dry run: nothing was sent to me/dry." in printed


def test_onnx_files_are_pushed_when_asked_for(hub, run_main):
    pytest.importorskip("onnxruntime")
    files = run_main("--repo_id", "me/onnx", "--token", TOKEN, "--with_onnx").files
    pushed = set(hub.repos["me/onnx"].resolve("main").files)
    assert pushed - {".gitattributes"} == set(files) == {*HUB_FILES, "onnx/model.onnx", "onnx/model_int8.onnx"}
    outcome = run_main("--repo_id", "me/onnx", "--token", TOKEN).outcome
    assert outcome.deleted == ("onnx/model.onnx", "onnx/model_int8.onnx"), "those of an older model are no use"


def test_a_space_of_the_pushed_commit_is_published_when_asked_for(hub, run_main, tmp_path, capsys):
    pytest.importorskip("gradio")
    asked = ["--repo_id", "me/shown", "--space", "me/demo"]
    hub.requests.clear()
    published = run_main(*asked, "--dry_run", "--output_dir", str(tmp_path / "hub"))
    assert hub.requests == []
    assert "The Space me/demo:\n" in (printed := capsys.readouterr().out)
    assert "Dry run: nothing was sent to me/shown and me/demo." in printed
    assert published.space_files["app.py"] == (tmp_path / "hub_space" / "app.py").stat().st_size
    assert published.space_outcome is None
    published = run_main(*asked, "--private", "--token", TOKEN)
    pushed = hub.repos["spaces/me/demo"].resolve("main").files
    assert set(pushed) - {".gitattributes"} == set(published.space_files)
    assert f'"me/shown", revision="{get_head(hub, "me/shown")}"'.encode() in pushed["app.py"].content
    assert hub.repos["spaces/me/demo"].is_private
    assert f"Pushed to {hub.url}/spaces/me/demo/commit/{published.space_outcome.commit}" in capsys.readouterr().out


def test_a_space_is_not_made_of_what_is_not_published(hub, run_main, capsys):
    with pytest.raises(SystemExit):
        run_main("--repo_id", "me/model", "--create_pr", "--space", "me/demo")
    assert "--space shows a model that is published: give it without --create_pr." in capsys.readouterr().err
    with pytest.raises(PublishingError, match="`--space` must be like owner/name, got 'demo'"):
        run_main("--repo_id", "me/model", "--space", "demo", "--token", TOKEN)


def test_branch_and_pull_request_go_where_they_should(hub, pushed, run_main, run_folder, capsys):
    head = get_head(hub)
    results = build_results()
    try:
        edit_json(run_folder / "results.json", name="other")
        run_main("--repo_id", "me/model", "--revision", "small", "--commit_message", "smaller", "--token", TOKEN)
        run_main("--repo_id", "me/model", "--create_pr", "--license", "mit", "--token", TOKEN)
    finally:
        write_json(run_folder / "results.json", results)
    repo = hub.repos["me/model"]
    assert repo.resolve("small").message == "smaller"
    assert b"license: mit" in repo.resolve("refs/pr/1").files["README.md"].content
    assert f"Pushed to {hub.url}/me/model/discussions/1" in capsys.readouterr().out
    assert get_head(hub) == head


def test_without_a_token_nothing_is_built(hub, run_main, tmp_path):
    with pytest.raises(PublishingError, match="needs a token of the Hub, found none"):
        run_main("--repo_id", "me/model", "--output_dir", str(tmp_path / "hub"))
    assert not (tmp_path / "hub").exists()


@pytest.mark.parametrize("others", [["--revision", "small"], ["--tag", "v1"]])
def test_a_pull_request_is_no_release(run_main, capsys, others):
    with pytest.raises(SystemExit):
        run_main("--repo_id", "me/model", "--create_pr", *others)
    assert (
        "--create_pr goes to main and is no release: give it without --revision and --tag." in capsys.readouterr().err
    )


def test_an_error_is_one_line_without_a_traceback(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["push_to_hub.py", str(tmp_path), "--repo_id", "me/model", "--dry_run"])
    with pytest.raises(SystemExit, match="^push_to_hub.py: .* is not a finished run: it lacks .'config.json', "):
        runpy.run_path(str(SCRIPT), run_name="__main__")
