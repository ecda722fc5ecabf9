"""Uploads to the double of the Hub, within this process."""

import huggingface_hub.constants
import pytest
from huggingface_hub import HfApi

from modeling_bert_bilstm.publishing import (
    PublishingError,
    build_hub_folder,
    check_login,
    check_repo_id,
    push_hub_folder,
)
from tests.publishing.run_folder import HUB_FILES, MINE, OTHER, READER, edit_json, write_run_folder


@pytest.fixture
def run_folder(model_folder, tmp_path):
    return write_run_folder(model_folder, tmp_path / "run")


@pytest.fixture
def hub_folder(run_folder, tmp_path):
    build_hub_folder(run_folder, tmp_path / "hub", repo_id="me/tiny")
    return tmp_path / "hub"


@pytest.fixture
def push(hub, hub_folder):
    def push(repo_id="me/tiny", *, token=MINE, **options):
        return push_hub_folder(hub_folder, repo_id, api=HfApi(token=token), **options)

    return push


def get_contents(hub, revision="main"):
    files = hub.repos["me/tiny"].resolve(revision).files
    return {path: blob.content for path, blob in files.items() if path != ".gitattributes"}


def get_messages(hub):
    return [commit.message for commit in hub.repos["me/tiny"].commits]


def test_one_commit_uploads_exactly_the_folder(hub, hub_folder, push):
    outcome = push(commit_message="first")
    assert get_contents(hub) == {name: (hub_folder / name).read_bytes() for name in HUB_FILES}
    assert get_messages(hub) == ["initial commit", "first"]
    assert outcome.is_changed
    assert outcome.commit == hub.repos["me/tiny"].branches["main"]
    assert outcome.url == f"{hub.url}/me/tiny/commit/{outcome.commit}"
    assert not hub.repos["me/tiny"].is_private


def test_an_equal_second_push_makes_no_commit(hub, push):
    first, second = push(), push()
    assert not second.is_changed
    assert second.commit == first.commit
    assert len(get_messages(hub)) == 2


def test_only_what_changed_is_committed_and_old_weights_go(hub, run_folder, hub_folder, push):
    push()
    repo = hub.repos["me/tiny"]
    hub.write_file(repo, "model-00001-of-00002.safetensors", b"old")
    hub.write_file(repo, "figure.png", b"of somebody")
    edit_json(run_folder / "results.json", name="second")
    build_hub_folder(run_folder, hub_folder, repo_id="me/tiny")
    outcome = push()
    assert outcome.deleted == ("model-00001-of-00002.safetensors",)
    assert sorted(get_contents(hub)) == sorted([*HUB_FILES, "figure.png"])
    assert b"# second" in get_contents(hub)["README.md"]
    assert len(get_messages(hub)) == 5


def test_a_private_repo_is_created_private(hub, push):
    push(private=True)
    assert hub.repos["me/tiny"].is_private
    assert push(private=True).is_changed is False


def test_a_public_repo_is_not_taken_for_a_private_one(hub, push):
    hub.create_repo("me/tiny")
    with pytest.raises(PublishingError, match="`--private` was asked, but me/tiny exists and is public"):
        push(private=True)
    assert get_contents(hub) == {}


def test_a_commit_in_between_is_a_conflict(hub, push):
    hub.create_repo("me/tiny")
    hub.before_commit = lambda repo: hub.write_file(repo, "notes.txt", b"mine")
    with pytest.raises(
        PublishingError, match="Somebody committed to me/tiny meanwhile; nothing was uploaded. Look at it"
    ):
        push()
    assert get_contents(hub) == {"notes.txt": b"mine"}


def test_a_branch_is_created_and_main_stays(hub, push):
    outcome = push(revision="small/v2", tag="v1")
    repo = hub.repos["me/tiny"]
    assert repo.branches["small/v2"] == repo.tags["v1"] == outcome.commit
    assert get_contents(hub) == {}
    assert sorted(get_contents(hub, "v1")) == HUB_FILES
    assert push(revision="small/v2", tag="v1").is_changed is False


def test_a_tag_never_moves(hub, run_folder, hub_folder, push):
    first = push(tag="v1")
    edit_json(run_folder / "results.json", name="second")
    build_hub_folder(run_folder, hub_folder, repo_id="me/tiny")
    second = push()
    with pytest.raises(PublishingError, match=f"The tag 'v1' of me/tiny marks the commit {first.commit[:10]} already"):
        push(tag="v1")
    assert hub.repos["me/tiny"].tags == {"v1": first.commit}
    assert second.commit == hub.repos["me/tiny"].branches["main"]


def test_a_pull_request_leaves_main_alone(hub, push):
    hub.create_repo("me/tiny")
    outcome = push(token=OTHER, create_pr=True)
    assert outcome.url == f"{hub.url}/me/tiny/discussions/1"
    assert outcome.is_changed
    assert get_contents(hub) == {}
    assert sorted(get_contents(hub, "refs/pr/1")) == HUB_FILES


@pytest.mark.parametrize("token", [OTHER, READER])
@pytest.mark.parametrize("exists", [True, False])
def test_without_rights_the_way_out_is_named(hub, push, token, exists):
    if exists:
        hub.create_repo("me/tiny")
    with pytest.raises(PublishingError, match=r"Your token has no right to write to me/tiny .*`--create_pr`") as error:
        push(token=token)
    assert token not in str(error.value)
    assert not exists or get_contents(hub) == {}


def test_a_private_repo_of_somebody_else_is_out_of_reach(hub, push):
    hub.create_repo("me/tiny", is_private=True)
    with pytest.raises(PublishingError, match="no right to write to me/tiny"):
        push(token=OTHER)
    assert get_contents(hub) == {}


def test_no_token_and_an_unknown_token_are_told_apart(hub):
    assert check_login(HfApi(token=MINE)) == "me"
    with pytest.raises(
        PublishingError, match="needs a token of the Hub, found none. Log in with `hf auth login`, or set HF_T"
    ):
        check_login(HfApi())
    with pytest.raises(PublishingError, match="does not know your token .* Log in with `hf auth login`") as error:
        check_login(HfApi(token="hf_unknown"))
    assert "hf_unknown" not in str(error.value)


def test_offline_and_out_of_reach_are_told_apart(hub, monkeypatch):
    with pytest.raises(PublishingError, match="The Hub cannot be reached .*HF_ENDPOINT"):
        check_login(HfApi(endpoint="http://127.0.0.1:9", token=MINE))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    huggingface_hub.close_session()  # the switch is read when a session begins
    with pytest.raises(PublishingError, match="HF_HUB_OFFLINE is set"):
        check_login(HfApi(token=MINE))
    huggingface_hub.close_session()


@pytest.mark.parametrize("repo_id", ["tiny", "me/you/tiny", "me/ti ny", "me/--tiny", "", "me/tiny.git"])
def test_a_malformed_repo_id_is_refused_before_anything_is_sent(hub, push, repo_id):
    with pytest.raises(PublishingError, match=f"`--repo_id` must be like owner/name, got '{repo_id}'"):
        push(repo_id)
    assert hub.requests == []
    check_repo_id("me/tiny-1.5_b")
