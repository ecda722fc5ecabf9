"""Build the folder of the corpora from what their authors publish: `python -m baselines.prepare_data OUT --mr FOLDER`.

Each corpus that is given becomes its part of OUT, as baselines/corpora.py reads it; a part that is there is written
anew. docs/data.md says where to download what.

- `--aclimdb`: the unpacked aclImdb, with its url lists, which tell the films. Ratings come from the file names.
- `--sst`: the folder of the Stanford trees, {train,dev,test}.txt.
- `--sst2`: train.tsv and dev.tsv of GLUE. Its test has no labels; the same 1,821 sentences come from the trees, so
  that `--sst` is needed too: scores 0 and 1 are negative, 3 and 4 positive, 2 is dropped.
- `--mr`: the folder of rt-polarity.neg and rt-polarity.pos.
"""

import argparse
import lzma
import re
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from baselines.results import open_whole
from modeling_bert_bilstm.data.files import decode_utf8, read_table, read_text
from modeling_bert_bilstm.data.stanford import read_acl_imdb, read_trees


_LEAF = re.compile(r"\([0-4] ([^()]+)\)")
_NEUTRAL = 2  # of the tree scores 0 to 4
_SST_FILES = ("train", "dev", "test")
_MR_FILES = ("rt-polarity.neg", "rt-polarity.pos")  # in the order of their labels
_MR_ENCODING = "cp1252"


def prepare_imdb(folder: Path, out: Path) -> None:
    """Write imdb/{train,test,unsup}.parquet from the folder aclImdb; without its unsup, the first two.

    Raises:
        FileNotFoundError: The folder is not aclImdb, or has no url lists.
    """
    for split in ("train", "test"):
        table = read_acl_imdb(folder, split)
        if table.groups is None:
            raise FileNotFoundError(
                f"`{folder / split}` must hold urls_neg.txt and urls_pos.txt, which tell the film of each review. "
                "Unpack the archive again."
            )
        labels = [int(rating > 5) for rating in table.ratings]
        columns = {"label": labels, "rating": table.ratings, "film": table.groups, "text": table.texts}
        write_table(out / "imdb" / f"{split}.parquet", columns)
    files = sorted((folder / "train" / "unsup").glob("*.txt"), key=lambda file: int(file.stem.partition("_")[0]))
    if files:
        texts = [decode_utf8(file.read_bytes(), str(file)) for file in files]
        write_table(out / "imdb" / "unsup.parquet", {"text": texts})


def prepare_sst(folder: Path, out: Path) -> None:
    """Write sst/{train,dev,test}.txt.xz from the files of trees.

    Raises:
        FileNotFoundError: One is missing.
        ValueError: A line is not a tree.
    """
    for name in _SST_FILES:
        path = find_file(folder, f"{name}.txt")
        read_trees(path)  # an error now, rather than in the first run
        with open_whole(out / "sst" / f"{name}.txt.xz") as partial:
            partial.write_bytes(lzma.compress(path.read_bytes()))


def prepare_sst2(folder: Path, trees: Path, out: Path) -> None:
    """Write sst2/{train,dev,test}.parquet from GLUE's files and the test trees.

    Raises:
        FileNotFoundError: A file is missing.
        ValueError: A file has no columns `sentence` and `label`, or a label other than 0 and 1.
    """
    for name in ("train", "dev"):
        path = find_file(folder, f"{name}.tsv")
        columns, _ = read_table(path)
        labels = columns.get("label", ())
        if "sentence" not in columns or not set(labels) <= {"0", "1"} or not len(labels):
            raise ValueError(
                f"`{path}` must have the columns `sentence` and `label`, of 0 and 1, found the columns "
                f"{sorted(columns)} and the labels {sorted(set(labels))[:5]}. Take SST-2 of GLUE."
            )
        sentences = [sentence.strip() for sentence in columns["sentence"]]
        write_table(out / "sst2" / f"{name}.parquet", {"label": [int(y) for y in labels], "sentence": sentences})
    found = [read_glue_sentence(line) for line in read_text(find_file(trees, "test.txt")).splitlines() if line.strip()]
    kept = [(score, sentence) for score, sentence in found if score != _NEUTRAL]
    columns = {"label": [int(score > _NEUTRAL) for score, _ in kept], "sentence": [sentence for _, sentence in kept]}
    write_table(out / "sst2" / "test.parquet", columns)


def read_glue_sentence(tree: str) -> tuple[int, str]:
    """Return the score of a tree and its sentence as GLUE writes it: tokens in lower case, parted by blanks."""
    return int(tree.strip()[1]), " ".join(_LEAF.findall(tree)).lower()


def prepare_mr(folder: Path, out: Path) -> None:
    """Write mr/rt-polarity.parquet from its two files.

    Raises:
        FileNotFoundError: One is missing.
    """
    labels, texts = [], []
    for label, name in enumerate(_MR_FILES):
        lines = find_file(folder, name).read_text(encoding=_MR_ENCODING).split("\n")
        found = [line.strip() for line in lines if line.strip()]
        texts += found
        labels += [label] * len(found)
    write_table(out / "mr" / "rt-polarity.parquet", {"label": labels, "text": texts})


def find_file(folder: Path, name: str) -> Path:
    """Return the path of a file in a folder.

    Raises:
        FileNotFoundError: It is not there.
    """
    if not (folder / name).is_file():
        there = sorted(entry.name for entry in folder.iterdir())[:10] if folder.is_dir() else "no such folder"
        raise FileNotFoundError(f"`{folder}` must hold {name}, found {there}. docs/data.md says where it comes from.")
    return folder / name


def write_table(path: Path, columns: dict[str, list]) -> None:
    """Write columns as a Parquet file, whole or not at all."""
    with open_whole(path) as partial:
        parquet.write_table(pa.table(columns), partial, compression="zstd")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder of the corpora, the DATA of `make compare`")
    parser.add_argument("--aclimdb", type=Path, help="unpacked aclImdb_v1.tar.gz")
    parser.add_argument("--sst", type=Path, help="folder of the trees, of trainDevTestTrees_PTB.zip")
    parser.add_argument("--sst2", type=Path, help="folder of GLUE's SST-2; needs `--sst`")
    parser.add_argument("--mr", type=Path, help="folder of rt-polaritydata")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Build what is given."""
    parser = build_parser()
    arguments = parser.parse_args(argv)
    if not any((arguments.aclimdb, arguments.sst, arguments.sst2, arguments.mr)):
        parser.error("give at least one of `--aclimdb`, `--sst`, `--sst2` and `--mr`")
    if arguments.sst2 and not arguments.sst:
        parser.error("`--sst2` needs `--sst`, whose test trees hold the labels of its test sentences")
    if arguments.aclimdb:
        prepare_imdb(arguments.aclimdb, arguments.out)
    if arguments.sst:
        prepare_sst(arguments.sst, arguments.out)
    if arguments.sst2:
        prepare_sst2(arguments.sst2, arguments.sst, arguments.out)
    if arguments.mr:
        prepare_mr(arguments.mr, arguments.out)


if __name__ == "__main__":
    main()
