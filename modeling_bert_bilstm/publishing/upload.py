"""Upload a publishable folder to the Hub in one commit, and say clearly why not when that fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitInfo, CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled, RepositoryNotFoundError
from huggingface_hub.utils import validate_repo_id

from .errors import PublishingError
from .hub_folder import find_stale_files, list_hub_files
from .space import is_vendored, list_space_files


# Whatever the client library raises when a request does not get through; its HTTP library changed with its version.
_NETWORK_ERRORS = (
    ConnectionError,
    *(base for base in HfHubHTTPError.__mro__ if base.__name__ in ("HTTPError", "RequestException")),
)
_LOGIN = "Log in with `hf auth login`, or set HF_TOKEN to a write token (https://huggingface.co/settings/tokens)."


@dataclass(frozen=True)
class PushOutcome:
    """What became of a push.

    Attributes:
        repo_id: The repo, `owner/name`.
        commit: The commit that holds the files now; the old one if nothing changed.
        is_changed: Whether a commit was made.
        url: Where to look at it.
        deleted: Files of an earlier push that the commit removed.
    """

    repo_id: str
    commit: str
    is_changed: bool
    url: str
    deleted: tuple[str, ...] = ()


def check_repo_id(repo_id: str, flag: str = "--repo_id") -> None:
    """Refuse a malformed repo id, which was given by a flag.

    Raises:
        PublishingError: It is not `owner/name` in the characters that the Hub allows.
    """
    try:
        validate_repo_id(repo_id)
        reason = "" if repo_id.count("/") == 1 else "the owner is missing"
    except HFValidationError as error:
        reason = str(error)
    if reason:
        raise PublishingError(f"`{flag}` must be like owner/name, got {repo_id!r} ({reason.rstrip('.')}).")


def check_login(api: HfApi) -> str:
    """Return whose token it is.

    Raises:
        PublishingError: There is no token, or the Hub does not know it.
    """
    if not api.token:
        raise PublishingError(f"Pushing needs a token of the Hub, found none. {_LOGIN}")
    with _say_clearly("the Hub"):
        return api.whoami()["name"]


def push_hub_folder(
    hub_folder: str | Path,
    repo_id: str,
    *,
    api: HfApi,
    private: bool = False,
    revision: str | None = None,
    create_pr: bool = False,
    tag: str | None = None,
    commit_message: str = "Upload BERT+BiLSTM",
) -> PushOutcome:
    """Upload exactly the files of a publishable folder in one commit; make none if the repo has them already.

    Weights and tokenizer files of an earlier push that are not among them are removed in the same commit. All
    other files of the repo stay as they are.

    Args:
        hub_folder: What `build_hub_folder` wrote.
        repo_id: The repo, `owner/name`; it is created if it does not exist.
        api: Client with the token to use.
        private: Create the repo private.
        revision: Branch to commit to, created from main if it does not exist.
        create_pr: Open a pull request instead of committing to main.
        tag: Tag to set on the commit.
        commit_message: First line of the commit.

    Raises:
        PublishingError: The repo id is malformed, the token or its rights do not suffice, the repo is public although
            `private` was asked, the tag marks another commit, or somebody else committed meanwhile.
    """
    check_repo_id(repo_id)
    hub_files = list_hub_files(hub_folder)
    with _say_clearly(repo_id):
        api.create_repo(repo_id, private=private or None, exist_ok=True)
        if revision and not revision.startswith("refs/"):
            api.create_branch(repo_id, branch=revision, exist_ok=True)
        head = api.model_info(repo_id, revision=revision)
        if private and not head.private:
            raise PublishingError(
                f"`--private` was asked, but {repo_id} exists and is public. Make it private in its settings on the "
                "Hub, or give another `--repo_id`."
            )
        _check_tag(api, repo_id, tag, head.sha)
        stale = find_stale_files(api.list_repo_files(repo_id, revision=head.sha), hub_files)
        info = api.create_commit(
            repo_id,
            [
                *(CommitOperationAdd(name, Path(hub_folder) / name) for name in hub_files),
                *(CommitOperationDelete(name) for name in stale),
            ],
            commit_message=commit_message,
            revision=revision,
            create_pr=create_pr,
            parent_commit=head.sha,  # a commit by somebody else in between is a conflict, not a loss
        )
        if tag:
            api.create_tag(repo_id, tag=tag, revision=info.oid, exist_ok=info.oid == head.sha)
    return _describe(info, repo_id, head=head.sha, deleted=tuple(stale))


def push_space(
    space_folder: str | Path,
    space_id: str,
    *,
    api: HfApi,
    private: bool = False,
    commit_message: str = "Upload the page",
) -> PushOutcome:
    """Upload exactly the files of a Space in one commit; make none if the Space has them already.

    Files of this package that an earlier push left there and that are not among them are removed.

    Args:
        space_folder: What `build_space_folder` wrote.
        space_id: The Space, `owner/name`; it is created if it does not exist.
        api: Client with the token to use.
        private: Create the Space private.
        commit_message: First line of the commit.

    Raises:
        PublishingError: As `push_hub_folder`, or the Space is of another kind than Gradio.
    """
    check_repo_id(space_id, "--space")
    names = list_space_files(space_folder)
    with _say_clearly(space_id, "--space"):
        api.create_repo(space_id, repo_type="space", space_sdk="gradio", private=private or None, exist_ok=True)
        head = api.space_info(space_id)
        if private and not head.private:
            raise PublishingError(f"`--private` was asked, but the Space {space_id} exists and is public.")
        if head.sdk not in (None, "gradio"):
            raise PublishingError(f"`--space` must be of Gradio, but {space_id} is one of {head.sdk}. Name another.")
        present = api.list_repo_files(space_id, repo_type="space", revision=head.sha)
        stale = [name for name in present if is_vendored(name) and name not in names]
        info = api.create_commit(
            space_id,
            [
                *(CommitOperationAdd(name, Path(space_folder) / name) for name in names),
                *(CommitOperationDelete(name) for name in stale),
            ],
            commit_message=commit_message,
            repo_type="space",
            parent_commit=head.sha,
        )
    return _describe(info, space_id, head=head.sha, deleted=tuple(stale))


def _describe(info: CommitInfo, repo_id: str, *, head: str, deleted: tuple[str, ...]) -> PushOutcome:
    return PushOutcome(repo_id, info.oid, info.oid != head, info.pr_url or info.commit_url, deleted)


def _check_tag(api: HfApi, repo_id: str, tag: str | None, head: str) -> None:
    marked = {ref.name: ref.target_commit for ref in api.list_repo_refs(repo_id).tags} if tag else {}
    if marked.get(tag, head) != head:
        raise PublishingError(
            f"The tag {tag!r} of {repo_id} marks the commit {marked[tag][:10]} already, and a tag should never move. "
            "Give a new `--tag`."
        )


@contextmanager
def _say_clearly(repo_id: str, flag: str = "--repo_id") -> Iterator[None]:
    """Turn what the Hub answers into what to do about it."""
    try:
        yield
    except OfflineModeIsEnabled as error:
        raise PublishingError("Pushing needs the network, but HF_HUB_OFFLINE is set. Unset it.") from error
    except HfHubHTTPError as error:
        raise PublishingError(_explain(error, repo_id, flag)) from error
    except _NETWORK_ERRORS as error:
        raise PublishingError(f"The Hub cannot be reached ({error}). Check the network, and HF_ENDPOINT.") from error


def _explain(error: HfHubHTTPError, repo_id: str, flag: str) -> str:
    status = error.response.status_code
    said = error.response.headers.get("X-Error-Message") or error.server_message or f"HTTP {status}"
    if status == 403:
        return (
            f"Your token has no right to write to {repo_id} (the Hub says: {said}). Use a write token of its owner, "
            f"give a `{flag}` of your own, or propose the files with `--create_pr`."
        )
    if status == 412:
        return f"Somebody committed to {repo_id} meanwhile; nothing was uploaded. Look at it, then push again."
    if status == 401 and not isinstance(error, RepositoryNotFoundError):
        return f"The Hub does not know your token (it says: {said}). {_LOGIN}"
    if isinstance(error, RepositoryNotFoundError):
        return f"{repo_id} does not exist, or your token may not see it (the Hub says: {said}). Check `{flag}`."
    return f"The Hub refused the push to {repo_id} with HTTP {status}: {said}."
