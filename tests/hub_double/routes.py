"""What the local double of the Hub answers, one function for each endpoint that clients use."""

import base64
import json
from dataclasses import dataclass

from tests.hub_double.store import Blob, HubError, HubStore, Repo, User, is_large_file


@dataclass(frozen=True)
class Request:
    """One request: who asks, the raw body and the query."""

    hub: HubStore
    user: User | None
    content: bytes
    query: dict[str, list[str]]

    @property
    def body(self) -> dict:
        """The JSON body."""
        return json.loads(self.content or b"{}")

    @property
    def creates_pull_request(self) -> bool:
        """Whether the client asked for a pull request."""
        return "create_pr" in self.query

    def find_writable(self, repo_id: str) -> Repo:
        """Return the repo if the user may do what was asked."""
        return self.hub.find_writable(repo_id, self.user, through_pull_request=self.creates_pull_request)


def answer_whoami(request: Request):
    """Say whose token it is."""
    if request.user is None:
        raise HubError(401, "Invalid credentials in Authorization header")
    role = "write" if request.user.can_write else "read"
    return {"type": "user", "name": request.user.name, "orgs": [], "auth": {"accessToken": {"role": role}}}


def create_repo(request: Request):
    """Create a repo of a model or a Space; 409 with its address if it is there."""
    body = request.body
    if request.user is None:
        raise HubError(401, "Invalid username or password.")
    owner = body.get("organization") or request.user.name
    if owner != request.user.name or not request.user.can_write:
        raise HubError(403, f'You don\'t have the rights to create a model under the namespace "{owner}"')
    is_space = body.get("type") == "space"
    if is_space and body.get("sdk") != "gradio":
        raise HubError(400, "A Space needs an sdk, and the double knows gradio alone.")
    repo_id = f"{'spaces/' if is_space else ''}{owner}/{body['name']}"
    answer = {"url": f"{request.hub.url}/{repo_id}", "name": repo_id, "id": repo_id}
    if repo_id in request.hub.repos:
        raise HubError(409, "You already created this model repo", body=answer)
    request.hub.create_repo(repo_id, is_private=body.get("visibility") == "private")
    return answer


def validate_yaml(request: Request):
    """Accept a card that opens with a block of metadata, refuse one without; no YAML is parsed."""
    if not request.body["content"].startswith("---\n"):
        raise HubError(400, "Invalid metadata", body={"errors": [{"message": "no metadata"}], "warnings": []})
    return {"errors": [], "warnings": []}


def describe_repo(request: Request, repo_id: str, revision: str | None = None):
    """Name the commit of a revision and its files."""
    repo = request.hub.find_readable(repo_id, request.user)
    commit = repo.resolve(revision or "main")
    siblings = [{"rfilename": path} for path in sorted(commit.files)]
    answer = {"sha": commit.sha, "private": repo.is_private, "tags": [], "siblings": siblings}
    is_space = repo_id.startswith("spaces/")
    return {"id": repo_id.removeprefix("spaces/"), **answer, **({"sdk": "gradio"} if is_space else {})}


def list_tree(request: Request, repo_id: str, revision: str, path: str | None = None):
    """List the files below a folder."""
    commit = request.hub.find_readable(repo_id, request.user).resolve(revision)
    prefix = f"{path}/" if path else ""
    found = {name: blob for name, blob in sorted(commit.files.items()) if name.startswith(prefix)}
    if path and not found:
        raise HubError(404, f"{path} does not exist", code="EntryNotFound")
    return [_describe_file(name, blob) for name, blob in found.items()]


def _describe_file(path: str, blob: Blob) -> dict:
    entry = {"type": "file", "path": path, "size": len(blob.content), "oid": blob.git_oid}
    if blob.is_large:
        entry["lfs"] = {"oid": blob.oid, "size": len(blob.content), "pointerSize": 134}
    return entry


def list_refs(request: Request, repo_id: str):
    """List branches, tags and pull requests."""
    repo = request.hub.find_readable(repo_id, request.user)

    def describe(prefix: str, heads: dict[str, str]) -> list[dict]:
        return [{"name": n, "ref": f"{prefix}/{n}", "targetCommit": sha} for n, sha in heads.items()]

    pulls = {str(number): sha for number, sha in enumerate(repo.pulls, start=1)}
    branches, tags = describe("refs/heads", repo.branches), describe("refs/tags", repo.tags)
    return {"branches": branches, "converts": [], "tags": tags, "pullRequests": describe("refs/pr", pulls)}


def create_branch(request: Request, repo_id: str, branch: str):
    """Create a branch, from `startingPoint` or from main."""
    repo = request.find_writable(repo_id)
    if branch in repo.branches:
        raise HubError(409, f"Reference already exists: refs/heads/{branch}")
    repo.branches[branch] = repo.resolve(request.body.get("startingPoint", "main")).sha
    return {}


def create_tag(request: Request, repo_id: str, revision: str):
    """Mark a commit with a tag."""
    repo = request.find_writable(repo_id)
    tag = request.body["tag"]
    if tag in repo.tags:
        raise HubError(409, f"Tag reference exists already: refs/tags/{tag}")
    repo.tags[tag] = repo.resolve(revision).sha
    return {}


def plan_upload(request: Request, repo_id: str, revision: str):
    """Say for each file whether it goes into git, and the identity of the one that stands there now."""
    files = request.find_writable(repo_id).resolve(revision).files
    plans = []
    for file in request.body["files"]:
        path, present = file["path"], files.get(file["path"])
        mode = "lfs" if is_large_file(path, file["size"]) else "regular"
        oid = present.oid if present else None
        plans.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid})
    return {"files": plans}


def plan_large_upload(request: Request, repo_id: str):
    """Say where each large file goes; one that is stored already needs nothing."""
    request.hub.find_writable(repo_id, request.user, through_pull_request=True)
    objects = []
    for wanted in request.body["objects"]:
        href = f"{request.hub.url}/large-files/{wanted['oid']}"
        actions = {"upload": {"href": href}, "verify": {"href": f"{href}/verify"}}
        objects.append(wanted if wanted["oid"] in request.hub.large_files else {**wanted, "actions": actions})
    return {"transfer": "basic", "objects": objects}


def store_large_file(request: Request, oid: str):
    """Keep the bytes of a large file if they are those of its name."""
    if Blob(request.content, True).oid != oid:
        raise HubError(400, "The content does not have the sha256 of its address.")
    request.hub.large_files[oid] = request.content
    return {}


def verify_large_file(request: Request, oid: str):
    """Confirm that a large file arrived whole."""
    if len(request.hub.large_files.get(oid, b"")) != request.body["size"]:
        raise HubError(404, "The file is not there, or has another size.")
    return {}


def commit(request: Request, repo_id: str, revision: str):
    """Add one commit: to a branch or, when asked, to a new pull request."""
    repo = request.find_writable(repo_id)
    if request.hub.before_commit:
        request.hub.before_commit(repo)
    header, *operations = [json.loads(line) for line in request.content.splitlines()]
    head, parent = repo.resolve(revision), header["value"].get("parentCommit")
    if parent not in (None, head.sha) and not request.creates_pull_request:
        raise HubError(412, "A commit has happened since. Please refresh and try again.")
    files = _apply(request.hub, dict(repo.resolve(parent or revision).files), operations)
    made = repo.add_commit(header["value"]["summary"], files)
    answer = {"success": True, "commitOid": made.sha, "commitUrl": f"{request.hub.url}/{repo_id}/commit/{made.sha}"}
    if request.creates_pull_request:
        repo.pulls.append(made.sha)
        return {**answer, "pullRequestUrl": f"{request.hub.url}/{repo_id}/discussions/{len(repo.pulls)}"}
    repo.branches[revision] = made.sha
    return answer


def _apply(hub: HubStore, files: dict[str, Blob], operations: list[dict]) -> dict[str, Blob]:
    for operation in operations:
        value = operation["value"]
        path = value["path"]
        if operation["key"] == "file":
            files[path] = Blob(base64.b64decode(value["content"]), False)
        elif operation["key"] == "lfsFile":
            if value["oid"] not in hub.large_files:
                raise HubError(400, f"The large file of {path} was not uploaded.")
            files[path] = Blob(hub.large_files[value["oid"]], True)
        elif operation["key"] == "deletedFile" and path in files:
            del files[path]
        else:
            raise HubError(404, f"A file with this name doesn't exist: {path}", code="EntryNotFound")
    return files


def download(request: Request, repo_id: str, revision: str, path: str):
    """Send one file with the headers that clients cache by."""
    found = request.hub.find_readable(repo_id, request.user).resolve(revision)
    blob = found.files.get(path)
    if blob is None:
        raise HubError(404, "Entry not found", code="EntryNotFound")
    headers = {"X-Repo-Commit": found.sha, "ETag": f'"{blob.git_oid}"', "Content-Type": "application/octet-stream"}
    if blob.is_large:
        headers |= {"X-Linked-Etag": f'"{blob.oid}"', "X-Linked-Size": str(len(blob.content))}
    return 200, blob.content, headers
