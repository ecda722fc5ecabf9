"""What is asked and answered, as pydantic models: FastAPI checks with them and shows them in the OpenAPI page."""

import importlib.util
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from ...attribution import METHODS as EXPLAIN_METHODS
from .limits import Limits


# ---------------------------------------------------------------------------------------------------------------------
# Answers


class Prediction(BaseModel):
    """What the model says of a review.

    `label` and `score` are null where a review may have several labels or has a number in place of one.
    """

    label: str | None = Field(description="the most probable label")
    score: float | None = Field(description="its probability")
    probabilities: dict[str, float] = Field(description="of each label; for regression the predicted number")
    word_pieces: int = Field(description="length of the review, special tokens included")


class Predictions(BaseModel):
    """One prediction a review, in the order given."""

    predictions: list[Prediction]


class Film(BaseModel):
    """What a film's reviews say together; null where it cannot be told."""

    model_config = ConfigDict(extra="allow")

    verdict: str | None = Field(description="the papers' rule on the predicted labels")
    polarity: float | None = Field(description="of these reviews, in [-1, 1]")
    interval: list[float] | None
    audience_polarity: float | None = Field(description="of all who might review the film")
    audience_interval: list[float] | None
    num_reviews: int
    counts: dict[str, int] = Field(description="reviews that were predicted to have each label")
    shares: dict[str, float] | None = Field(description="estimated share of each label")
    skipped: list[dict] = Field(description="position and reason of what could not be scored")


class Films(BaseModel):
    """An entry a film."""

    films: dict[str, Film]


class Word(BaseModel):
    """A word and what it brought."""

    word: str
    start: int = Field(description="where it begins in the review, in characters")
    end: int
    value: float = Field(description="in units of the score; above 0 it speaks for the label")


class Explanation(BaseModel):
    """Which words moved the score of a label."""

    label: str
    probabilities: dict[str, float]
    score: float = Field(description="log-odds of the label; for regression the number")
    baseline_score: float = Field(description="the same without the words")
    method: str
    words: list[Word]


class Health(BaseModel):
    """Whether the server can answer."""

    status: Literal["ok", "not ready"]
    num_workers: int
    num_ready: int
    num_waiting: int = Field(description="reviews that wait for a worker")


class Info(BaseModel):
    """What is served, and the limits."""

    model: str
    labels: list[str]
    label_polarity: list[float] | None
    problem_type: str | None
    window_length: int
    backend: str
    precision: str
    num_workers: int
    max_word_pieces: int
    limits: dict[str, int | float]
    version: str


class Refusal(BaseModel):
    """Why a request was not answered, and what to do."""

    detail: str


# ---------------------------------------------------------------------------------------------------------------------
# Requests; their limits are those of the server


def build_predict_request(limits: Limits) -> type[BaseModel]:
    """Return the model of a request to /predict."""
    review = _build_review(limits.max_review_characters)
    many = Annotated[list[review], Field(min_length=1, max_length=limits.max_reviews)]
    return create_model(
        "PredictRequest",
        __base__=_Request,
        reviews=(review | many, Field(description="one review or many", examples=[["Superb.", "Not for me."]])),
    )


def build_polarity_request(limits: Limits, methods: tuple[str, ...]) -> type[BaseModel]:
    """Return the model of a request to /polarity, for the methods that the served model has what it needs for."""

    class Base(_Request):
        @model_validator(mode="after")
        def check_number(self) -> "Base":
            number = sum(map(len, self.films.values()))
            if number > limits.max_reviews:
                raise ValueError(
                    f"All films together must have at most {limits.max_reviews:,} reviews, found {number:,}. "
                    "Send the films in several requests."
                )
            return self

    review = _build_review(limits.max_review_characters)
    reviews = Annotated[list[review], Field(max_length=limits.max_reviews)]
    name = Annotated[str, Field(max_length=1_000)]
    films = Annotated[dict[name, reviews], Field(min_length=1, max_length=limits.max_reviews)]
    example = {"one film": ["Superb.", "Not for me."], "another": ["Great fun!"]}
    return create_model(
        "PolarityRequest",
        __base__=Base,
        films=(films, Field(description="the reviews of each film", examples=[example])),
        confidence=(Annotated[float, Field(gt=0, lt=1)], Field(0.9, description="of the intervals")),
        method=(Literal[methods], Field(methods[0], description="how the shares of the labels are estimated")),
    )


def build_explain_request(limits: Limits, labels: list[str]) -> type[BaseModel]:
    """Return the model of a request to /explain, for the methods whose packages are installed."""
    has_captum = importlib.util.find_spec("captum") is not None
    methods = tuple(method for method in EXPLAIN_METHODS if has_captum or method == "gradient_times_input")
    return create_model(
        "ExplainRequest",
        __base__=_Request,
        review=(_build_review(limits.max_explain_characters), Field(examples=["A superb film, if a little long."])),
        label=(Literal[tuple(labels)] | None, Field(None, description="default: the most probable one")),
        method=(Literal[methods], Field(methods[0], description="how words are weighed")),
    )


class _Request(BaseModel):
    """A misspelt name would be ignored in silence."""

    model_config = ConfigDict(extra="forbid")


def _build_review(max_characters: int) -> type[str]:
    return Annotated[str, Field(max_length=max_characters)]
