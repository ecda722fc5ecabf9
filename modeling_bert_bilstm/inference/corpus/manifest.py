"""The folder that a corpus is scored into: what was asked, which shards are done, and who may write there.

    predictions/part-00000.parquet ...     one file a shard
    rejected.parquet  films.parquet        at the end
    summary.json                           at the end
    manifest.json                          what was asked, and the shards that are done
    .work/                                 drafts and what is needed until the end; not there afterwards

Every file appears whole. A shard is done once the manifest says so: a process that is killed before that leaves a file
that the next one writes again, with the same bytes.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import filelock

from .shards import PARTS_FOLDER, ShardCounts, get_part_name, get_rejected_name
from .writing import write_json, write_whole


MANIFEST = "manifest.json"
FILMS = "films.parquet"
REJECTED = "rejected.parquet"
SUMMARY = "summary.json"
_WORK_FOLDER = ".work"
_LOCK = "lock"
_TIMES = "times.json"
_FORMAT = 1
_SHOWN_CHARACTERS = 40  # of a value in a message


class JobFolder:
    """A folder that holds one job.

    Args:
        path: The folder; it need not exist.

    Attributes:
        asked: What the job was asked, empty before `begin` where nothing was begun here.
        resolved: What was found out at its beginning: backend, precision, kind of device.
        shards: What became of each shard that is done, by number.
        is_finished: Whether nothing is left to do.
        seconds: What earlier processes took until their last shard.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.work_folder = self.path / _WORK_FOLDER
        self.asked: dict[str, dict] = {}
        self.resolved: dict[str, str] | None = None
        self.shards: dict[int, ShardCounts] = {}
        self.is_finished = False
        self.seconds = 0.0

    @contextmanager
    def open(self) -> Iterator[None]:
        """Hold the folder, alone, and read what was begun in it.

        Raises:
            FileExistsError: There is a file of this name, or files of the same names that are of no job.
            BlockingIOError: Another process holds it.
            ValueError: Its manifest cannot be read.
        """
        if self.path.exists() and not self.path.is_dir():
            raise FileExistsError(f"`--output` must be a folder, but `{self.path}` is a file.")
        if not (self.path / MANIFEST).exists() and (found := self._find_strangers()):
            raise FileExistsError(
                f"`{self.path}` must be a new folder or hold a scored corpus, but has {found} and no {MANIFEST}. "
                "Name another with `--output`."
            )
        self.work_folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(self.work_folder / _LOCK)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout as error:
            raise BlockingIOError(
                f"Another process is scoring into `{self.path}`. Wait for it, or stop it."
            ) from error
        try:
            self._read()
            yield
        finally:
            lock.release()
            if self.is_finished:
                shutil.rmtree(self.work_folder, ignore_errors=True)

    def begin(self, asked: Mapping[str, dict], *, overwrite: bool = False) -> None:
        """Begin a job, or go on with the one that was begun here.

        Args:
            asked: Input, model, options and versions.
            overwrite: Replace what another job has written.

        Raises:
            ValueError: Another job was begun here; the message says how it differs.
        """
        asked = {"format": {"version": _FORMAT}, **asked}
        differences = list(_compare(self.asked, asked)) if self.asked else []
        if differences and not overwrite:
            raise ValueError(
                f"`{self.path}` holds a corpus that was scored otherwise: {'; '.join(differences)}. Name another "
                "folder with `--output`, or replace what is there with `--overwrite`."
            )
        if differences or overwrite or not self.asked:
            self.asked, self.resolved, self.shards, self.is_finished = asked, None, {}, False
            self.seconds = 0.0
            (self.work_folder / _TIMES).unlink(missing_ok=True)
            self._write()
        if not self.is_finished:
            self._clear()

    def record(self, counts: ShardCounts, resolved: dict[str, str], seconds: float) -> None:
        """Note that a shard is done.

        Args:
            counts: What became of it.
            resolved: What the job has found out, the same each time.
            seconds: What this process has taken so far.
        """
        self.shards[counts.shard] = counts
        self.resolved = resolved
        self._write()
        write_json(self.work_folder / _TIMES, {"seconds": round(self.seconds + seconds, 3)}, self.work_folder)

    def finish(self) -> None:
        """Note that nothing is left to do."""
        self.is_finished = True
        self._write()

    def find_first_open(self) -> tuple[int, int]:
        """Return the number of the first shard that is not done, and of its first row."""
        index = row = 0
        while index in self.shards:
            row += self.shards[index].rows
            index += 1
        return index, row

    def _find_strangers(self) -> list[str]:
        """What has the name of a file of a job, and would be lost."""
        results = [name for name in (PARTS_FOLDER, FILMS, REJECTED, SUMMARY) if (self.path / name).exists()]
        work = self.work_folder.iterdir() if self.work_folder.is_dir() else ()
        before_manifest = {_LOCK, f"{MANIFEST}.draft"}
        return sorted([*results, *(f"{_WORK_FOLDER}/{f.name}" for f in work if f.name not in before_manifest)])

    def _read(self) -> None:
        path = self.path / MANIFEST
        if not path.exists():
            return
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            self.asked, self.resolved, self.is_finished = (content[key] for key in ("asked", "resolved", "finished"))
            counts = [ShardCounts(**fields) for fields in content["shards"]]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"`{path}` is no manifest of a scored corpus: {error!r}. Name another folder.") from error
        needed = [REJECTED, SUMMARY, *([FILMS] if self.asked["options"]["group_column"] else [])]
        needed += [f"{PARTS_FOLDER}/{get_part_name(done.shard)}" for done in counts]
        self.is_finished &= all((self.path / name).exists() for name in needed)
        self.shards = {done.shard: done for done in counts if self._is_there(done)}
        times = self.work_folder / _TIMES
        self.seconds = json.loads(times.read_text(encoding="utf-8"))["seconds"] if times.exists() else 0.0

    def _is_there(self, counts: ShardCounts) -> bool:
        """Whether nobody has removed what was written of a shard."""
        needs_rejected = counts.rejected and not self.is_finished
        is_rejected_there = not needs_rejected or (self.work_folder / get_rejected_name(counts.shard)).exists()
        return is_rejected_there and (self.path / PARTS_FOLDER / get_part_name(counts.shard)).exists()

    def _write(self) -> None:
        """The manifest, a line for each shard."""
        head = {"asked": self.asked, "resolved": self.resolved, "finished": self.is_finished}
        shards = [json.dumps(asdict(self.shards[index])) for index in sorted(self.shards)]
        text = json.dumps({**head, "shards": []}, indent=2, ensure_ascii=False)
        text = text.removesuffix("[]\n}") + "[" + ",".join(f"\n    {shard}" for shard in shards) + "\n  ]\n}\n"
        with write_whole(self.path / MANIFEST, self.work_folder) as draft:
            draft.write_text(text, encoding="utf-8")

    def _clear(self) -> None:
        """Remove what is of no shard that is done, and drafts."""
        folder = self.path / PARTS_FOLDER
        folder.mkdir(exist_ok=True)
        done = set(map(get_part_name, self.shards))
        needed = {*map(get_rejected_name, self.shards), _LOCK, _TIMES}
        stale = [path for path in folder.glob("part-*.parquet") if path.name not in done]
        stale += [path for path in self.work_folder.iterdir() if path.name not in needed]
        for path in [*stale, *(self.path / name for name in (FILMS, REJECTED, SUMMARY))]:
            path.unlink(missing_ok=True)


def read_asked(path: Path) -> dict[str, dict]:
    """Return what the job in a folder was asked, nothing where none was begun there or its manifest is broken."""
    try:
        return json.loads((path / MANIFEST).read_text(encoding="utf-8"))["asked"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _compare(earlier: Mapping[str, dict], asked: Mapping[str, dict]) -> Iterator[str]:
    """Yield what is not the same."""
    for group in dict.fromkeys([*asked, *earlier]):
        before, now = earlier.get(group, {}), asked.get(group, {})
        for name in dict.fromkeys([*now, *before]):
            if before.get(name) != now.get(name):
                shown = (f"{str(value)[:_SHOWN_CHARACTERS]!r}" for value in (before.get(name), now.get(name)))
                yield f"{group} {name} was {next(shown)} and is {next(shown)}"
