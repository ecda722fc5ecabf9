"""Publish a run on the Hugging Face Hub: run folder -> publishable folder -> checked as a stranger -> one commit.

python push_to_hub.py runs/imdb --repo_id me/bert-bilstm-imdb --dry_run
"""

import argparse
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from huggingface_hub import HfApi, get_token

from modeling_bert_bilstm.publishing import (
    PublishingError,
    PushOutcome,
    build_hub_folder,
    build_space_folder,
    check_handler,
    check_hub_folder,
    check_login,
    check_repo_id,
    push_hub_folder,
    push_space,
    render_usage,
)


@dataclass(frozen=True)
class PublishedRun:
    """What `main` did.

    Attributes:
        files: Size in bytes of each file of the publishable folder.
        outcome: What became of the upload; None after a dry run.
        space_files: Size in bytes of each file of the Space; empty where none was asked for.
        space_outcome: What became of its upload; None without one and after a dry run.
    """

    files: dict[str, int]
    outcome: PushOutcome | None
    space_files: dict[str, int] = field(default_factory=dict)
    space_outcome: PushOutcome | None = None


def main(argv: list[str] | None = None) -> PublishedRun:
    """Publish a run folder as the command line says, and return what was done."""
    parser = build_parser()
    arguments = parser.parse_args(argv)
    check_arguments(parser, arguments)
    api = HfApi(token=arguments.token or get_token())

    # 1. What can be refused early is refused before minutes of work.
    check_repo_id(arguments.repo_id)
    if not arguments.dry_run:
        print(f"Logged in as {check_login(api)}.")

    with tempfile.TemporaryDirectory(prefix="push_to_hub_") as temporary:
        # 2. Write the publishable folder.
        hub_folder = Path(arguments.output_dir or Path(temporary) / "hub")
        names = build_hub_folder(
            arguments.run_folder,
            hub_folder,
            repo_id=arguments.repo_id,
            license_id=arguments.license,
            with_onnx=arguments.with_onnx,
            with_handler=arguments.with_handler,
        )
        files = measure_files(hub_folder, names)
        space_files = write_space(arguments, hub_folder, revision=arguments.revision or "main")

        # 3. Load it as a stranger; every score must equal the run's.
        print("Loading the folder in a new process, without this package ...", flush=True)
        check = check_hub_folder(hub_folder, arguments.run_folder)
        print(f"\n{check.render()}\n")
        if arguments.with_handler:
            check_handler(hub_folder, check.answers["sentiment-analysis"])
            print("handler.py answers as the pipeline does.\n")

        # 4. Show what is to be published.
        print(render_files(files))
        print(f"\nThe Space {arguments.space}:\n{render_files(space_files)}" if space_files else "")
        if arguments.dry_run:
            places = " and ".join(filter(None, [arguments.repo_id, arguments.space]))
            print(f"Dry run: nothing was sent to {places}.")
            return PublishedRun(files, None, space_files)

        # 5. Upload exactly these files, in one commit.
        options = ("private", "revision", "create_pr", "tag", "commit_message")
        outcome = push_hub_folder(
            hub_folder, arguments.repo_id, api=api, **{name: getattr(arguments, name) for name in options}
        )
        print("\n" + render_outcome(outcome))

        # 6. The Space of exactly this commit.
        space_files = write_space(arguments, hub_folder, revision=outcome.commit)
        space_outcome = publish_space(arguments, hub_folder, api) if space_files else None

    # 7. Say how to use it, with the commit that was just checked.
    print(f"\n{render_usage(outcome.repo_id, outcome.commit, with_polarity=check.has_polarity)}")
    return PublishedRun(files, outcome, space_files, space_outcome)


def check_arguments(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Refuse flags that do not go together."""
    if arguments.create_pr and (arguments.revision or arguments.tag):
        parser.error("--create_pr goes to main and is no release: give it without --revision and --tag.")
    if arguments.space and arguments.create_pr:
        parser.error("--space shows a model that is published: give it without --create_pr.")
    if arguments.space:
        check_repo_id(arguments.space, "--space")


def write_space(arguments: argparse.Namespace, hub_folder: Path, *, revision: str) -> dict[str, int]:
    """Write the folder of the Space that shows a commit and return the sizes of its files, none if none is asked."""
    if not arguments.space:
        return {}
    folder = find_space_folder(hub_folder)
    names = build_space_folder(
        folder, arguments.space, arguments.repo_id, revision=revision, license_id=arguments.license
    )
    return measure_files(folder, names)


def publish_space(arguments: argparse.Namespace, hub_folder: Path, api: HfApi) -> PushOutcome:
    """Upload the folder of the Space, say so, and return what became of it."""
    outcome = push_space(find_space_folder(hub_folder), arguments.space, api=api, private=arguments.private)
    print(render_outcome(outcome))
    return outcome


def find_space_folder(hub_folder: Path) -> Path:
    """Return where the Space is written: beside the publishable folder, which holds the model's files alone."""
    folder = hub_folder.resolve()
    return folder.with_name(f"{folder.name}_space")


def measure_files(folder: Path, names: list[str]) -> dict[str, int]:
    """Return the size in bytes of each file of a folder."""
    return {name: (folder / name).stat().st_size for name in names}


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="push_to_hub.py",
        description="Publish a run folder on the Hugging Face Hub as a model that anyone can load.",
        epilog="Only files on a fixed list are published. Weights, tokenizer files and pictures of an earlier push "
        "that the new one lacks are removed in the same commit, because they would be loaded or shown; all other "
        "files of the repo are left alone. If the repo has everything already, no commit is made.",
    )
    add = parser.add_argument
    add("run_folder", help="folder that train.py wrote")
    add("--repo_id", required=True, help="repo on the Hub, owner/name; created if it does not exist")
    add("--private", action="store_true", help="create the repo private; refused if it exists and is public")
    add("--revision", metavar="BRANCH", help="branch to commit to, created if it does not exist; default main")
    add("--create_pr", action="store_true", help="open a pull request instead of committing to main")
    add("--tag", help="tag to set on the commit, for example v1; a tag never moves")
    add("--dry_run", action="store_true", help="build, check and list the files, then stop; needs no token")
    add(
        "--output_dir",
        metavar="FOLDER",
        help="where to keep the publishable folder, and the Space at FOLDER_space; default: not kept",
    )
    add("--with_onnx", action="store_true", help="publish ONNX files too, in float32 and in int8, each compared first")
    add(
        "--with_handler", action="store_true", help="publish handler.py for Inference Endpoints, and a Dockerfile, too"
    )
    add(
        "--space",
        metavar="OWNER/NAME",
        help="publish a Space too, in which anyone can try this commit of the model; created if it does not exist, "
        "else its app.py, requirements.txt, README.md and modeling_bert_bilstm/ are replaced",
    )
    add("--commit_message", default="Upload BERT+BiLSTM", help="first line of the commit (default: %(default)s)")
    add("--license", default="apache-2.0", help="license of the weights, as the Hub spells it (default: %(default)s)")
    add(
        "--token",
        help="token of the Hub; better `hf auth login` or HF_TOKEN, which leave no trace in the shell's history",
    )
    return parser


def render_files(files: dict[str, int]) -> str:
    """Return the list of files with their sizes in bytes."""
    rows = [f"{size:>14,}  {name}" for name, size in files.items()]
    return "\n".join([*rows, f"{sum(files.values()):>14,}  bytes in {len(files)} files"])


def render_outcome(outcome: PushOutcome) -> str:
    """Return what became of the push, in one or two lines."""
    if not outcome.is_changed:
        return f"Nothing changed: {outcome.repo_id} has these files already, at {outcome.commit}. No commit was made."
    removed = f"\nRemoved from the repo: {', '.join(outcome.deleted)}." if outcome.deleted else ""
    return f"Pushed to {outcome.url}{removed}"


if __name__ == "__main__":
    try:
        main()
    except (ImportError, OSError, PublishingError) as error:
        sys.exit(f"push_to_hub.py: {error}")
