"""The double of the Hub, tried with plain `huggingface_hub` and plain files before anything of ours relies on it."""

from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, hf_hub_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tests.publishing.run_folder import MINE, OTHER, READER


@pytest.fixture
def api(hub):
    return HfApi(token=MINE)


def add(path="a.txt", content=b"a"):
    return CommitOperationAdd(path, content)


def download(tmp_path, path, **arguments):
    return Path(hf_hub_download("me/m", path, cache_dir=tmp_path, **arguments)).read_bytes()


def test_a_commit_of_text_and_weights_comes_back(hub, api, tmp_path):
    assert api.create_repo("me/m").repo_id == "me/m"
    info = api.create_commit("me/m", [add(), add("model.safetensors", b"w" * 5000)], commit_message="one")
    assert info.oid == api.model_info("me/m").sha == hub.repos["me/m"].branches["main"]
    assert download(tmp_path, "model.safetensors") == b"w" * 5000
    assert download(tmp_path, "a.txt", revision=info.oid) == b"a"
    assert api.list_repo_files("me/m") == [".gitattributes", "a.txt", "model.safetensors"]
    assert any(request.startswith("PUT /large-files/") for request in hub.requests)


def test_an_equal_second_commit_is_none(hub, api):
    api.create_repo("me/m")
    files = {"a.txt": b"a", "model.safetensors": b"w"}
    first = api.create_commit("me/m", [add(*file) for file in files.items()], commit_message="one")
    second = api.create_commit("me/m", [add(*file) for file in files.items()], commit_message="two")
    assert second.oid == first.oid
    assert [commit.message for commit in hub.repos["me/m"].commits] == ["initial commit", "one"]


def test_a_deletion_removes_the_file(api):
    api.create_repo("me/m")
    api.create_commit("me/m", [add(), add("b.txt")], commit_message="one")
    api.create_commit("me/m", [CommitOperationDelete("a.txt")], commit_message="two")
    assert api.list_repo_files("me/m") == [".gitattributes", "b.txt"]


def test_a_stale_parent_is_a_conflict(hub, api):
    api.create_repo("me/m")
    head = api.model_info("me/m").sha
    hub.write_file(hub.repos["me/m"], "b.txt", b"b")
    with pytest.raises(HfHubHTTPError) as error:
        api.create_commit("me/m", [add()], commit_message="one", parent_commit=head)
    assert error.value.response.status_code == 412


def test_branch_tag_and_pull_request(hub, api, tmp_path):
    api.create_repo("me/m")
    api.create_branch("me/m", branch="small")
    info = api.create_commit("me/m", [add()], commit_message="one", revision="small")
    api.create_tag("me/m", tag="v1", revision=info.oid)
    pull = HfApi(token=OTHER).create_commit("me/m", [add("c.txt")], commit_message="pull", create_pr=True)
    assert (pull.pr_num, pull.pr_revision) == (1, "refs/pr/1")
    refs = api.list_repo_refs("me/m", include_pull_requests=True)
    assert {ref.name for ref in refs.branches} == {"main", "small"}
    assert [(ref.name, ref.target_commit) for ref in refs.tags] == [("v1", info.oid)]
    assert download(tmp_path, "a.txt", revision="v1") == b"a"
    assert api.file_exists("me/m", "c.txt", revision="refs/pr/1")
    assert not api.file_exists("me/m", "c.txt")


def test_a_private_repo_does_not_exist_for_others(hub, api):
    api.create_repo("me/m", private=True)
    assert api.model_info("me/m").private
    for token in (False, OTHER):
        with pytest.raises(RepositoryNotFoundError):
            HfApi().model_info("me/m", token=token)


@pytest.mark.parametrize("token", [OTHER, READER])
def test_without_rights_a_commit_is_forbidden(hub, api, token):
    api.create_repo("me/m")
    stranger = HfApi(token=token)
    with pytest.raises(HfHubHTTPError) as error:
        stranger.create_commit("me/m", [add()], commit_message="one")
    assert error.value.response.status_code == 403
    with pytest.raises(HfHubHTTPError, match="rights to create a model"):
        stranger.create_repo("me/new")


def test_what_is_missing_has_the_error_of_the_hub(hub, api, tmp_path):
    with pytest.raises(RepositoryNotFoundError):
        api.model_info("me/none")
    api.create_repo("me/m")
    with pytest.raises(HfHubHTTPError) as error:
        api.create_repo("me/m")
    assert error.value.response.status_code == 409
    assert api.create_repo("me/m", exist_ok=True).repo_id == "me/m"
    with pytest.raises(RevisionNotFoundError):
        api.model_info("me/m", revision="none")
    with pytest.raises(EntryNotFoundError):
        download(tmp_path, "none.txt")
    with pytest.raises(EntryNotFoundError):
        list(api.list_repo_tree("me/m", "none"))
    with pytest.raises(ValueError, match="no metadata"):
        api.create_commit("me/m", [add("README.md", b"# No metadata")], commit_message="one")
    with pytest.raises(HfHubHTTPError, match="Invalid user token"):
        HfApi(token="hf_wrong").whoami()
    assert api.whoami()["name"] == "me"


def test_a_downloaded_file_is_read_from_the_cache_afterwards(hub, api, tmp_path):
    api.create_repo("me/m")
    api.create_commit("me/m", [add()], commit_message="one")
    with pytest.raises(LocalEntryNotFoundError):
        download(tmp_path, "a.txt", local_files_only=True)
    assert download(tmp_path, "a.txt") == b"a"
    assert download(tmp_path, "a.txt", local_files_only=True) == b"a"
