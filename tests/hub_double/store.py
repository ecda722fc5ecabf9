"""What the local double of the Hub keeps in memory: users, repos, commits, references, uploaded large files."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field


LARGE_SUFFIXES = (".bin", ".gz", ".model", ".onnx", ".parquet", ".pt", ".safetensors", ".zip")
LARGE_SIZE = 10 * 1024 * 1024  # bytes; the Hub takes anything above as a large file


class HubError(Exception):
    """An answer other than success: HTTP status, the Hub's error code and its text."""

    def __init__(self, status: int, message: str, *, code: str | None = None, body: dict | None = None):
        super().__init__(message)
        self.status, self.message, self.code, self.body = status, message, code, body or {}


@dataclass(frozen=True)
class Blob:
    """One stored file."""

    content: bytes
    is_large: bool

    @property
    def git_oid(self) -> str:
        """Git's sha1 of the content."""
        return hashlib.sha1(b"blob %d\0" % len(self.content) + self.content).hexdigest()

    @property
    def oid(self) -> str:
        """The identity that clients compare: sha256 of a large file, git's sha1 of another."""
        return hashlib.sha256(self.content).hexdigest() if self.is_large else self.git_oid


@dataclass(frozen=True)
class Commit:
    """One commit: its identity, its message and every file that stands at it."""

    sha: str
    message: str
    files: dict[str, Blob]


@dataclass
class Repo:
    """One repo, of a model or a Space, with its whole history."""

    repo_id: str
    is_private: bool
    commits: list[Commit] = field(default_factory=list)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    pulls: list[str] = field(default_factory=list)

    @property
    def owner(self) -> str:
        """The namespace of the repo."""
        return self.repo_id.split("/")[-2]

    def add_commit(self, message: str, files: dict[str, Blob]) -> Commit:
        """Append a commit without moving a branch."""
        parts = [str(len(self.commits)), self.repo_id, message, *(f"{p} {b.oid}" for p, b in sorted(files.items()))]
        commit = Commit(hashlib.sha1("\n".join(parts).encode()).hexdigest(), message, files)
        self.commits.append(commit)
        return commit

    def resolve(self, revision: str) -> Commit:
        """Return the commit that a branch, tag, pull request or full sha names."""
        pulls = {f"refs/pr/{number}": sha for number, sha in enumerate(self.pulls, start=1)}
        heads = {f"refs/heads/{name}": sha for name, sha in self.branches.items()}
        sha = {**pulls, **heads, **self.tags, **self.branches}.get(revision, revision)
        for commit in self.commits:
            if commit.sha == sha:
                return commit
        raise HubError(404, f"Invalid rev id: {revision}", code="RevisionNotFound")


@dataclass(frozen=True)
class User:
    """A person with a token; `can_write` tells a write token from a read token."""

    name: str
    can_write: bool = True


class HubStore:
    """The state of the double. Tests read and change it directly."""

    def __init__(self):
        self.users: dict[str, User] = {}
        self.repos: dict[str, Repo] = {}
        self.large_files: dict[str, bytes] = {}
        self.before_commit: Callable[[Repo], None] | None = None

    def add_user(self, name: str, token: str, *, can_write: bool = True) -> None:
        """Let `token` act as `name`."""
        self.users[token] = User(name, can_write)

    def create_repo(self, repo_id: str, *, is_private: bool = False) -> Repo:
        """Create a repo with the Hub's first commit, which holds .gitattributes alone."""
        repo = self.repos[repo_id] = Repo(repo_id, is_private)
        rules = "".join(f"*{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in LARGE_SUFFIXES)
        repo.branches["main"] = repo.add_commit("initial commit", {".gitattributes": Blob(rules.encode(), False)}).sha
        return repo

    def write_file(self, repo: Repo, path: str, content: bytes, *, branch: str = "main") -> Commit:
        """Commit one file, as somebody else would."""
        blob = Blob(content, is_large_file(path, len(content)))
        commit = repo.add_commit(f"write {path}", {**repo.resolve(branch).files, path: blob})
        repo.branches[branch] = commit.sha
        return commit

    def find_readable(self, repo_id: str, user: User | None) -> Repo:
        """Return a repo that `user` may see, or answer as the Hub does: as if it did not exist."""
        repo = self.repos.get(repo_id)
        if repo is None or (repo.is_private and (user is None or user.name != repo.owner)):
            status, message = (401, "Invalid username or password.") if user is None else (404, "Repository not found")
            raise HubError(status, message, code="RepoNotFound")
        return repo

    def find_writable(self, repo_id: str, user: User | None, *, through_pull_request: bool = False) -> Repo:
        """Return a repo that `user` may write to; anybody with a token may open a pull request."""
        repo = self.find_readable(repo_id, user)
        if user is None:
            raise HubError(401, "Invalid username or password.")
        if not user.can_write:
            raise HubError(403, "you must use a write token to upload to a repository")
        if user.name != repo.owner and not through_pull_request:
            raise HubError(403, "pass `create_pr=1` as a query parameter to create a Pull Request")
        return repo


def is_large_file(path: str, size: int) -> bool:
    """Say whether the Hub stores a file apart from git."""
    return path.endswith(LARGE_SUFFIXES) or size > LARGE_SIZE
