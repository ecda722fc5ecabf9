"""What a server takes at most; every refusal names the limit."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Limits:
    """What a server takes at most.

    Attributes:
        max_body_bytes: Bytes of a request's body; more is answered with 413.
        max_reviews: Reviews of a request, those of all its films together; more is answered with 422.
        max_review_characters: Characters of a review, since its time and memory grow with its length; more is 422.
        max_explain_characters: Characters of a review to explain, which takes sixteen gradients or more.
        max_waiting_reviews: Reviews that wait for a worker, of all requests together; more is answered with 503.
        body_seconds: For a request's body to arrive; slower ones are answered with 408.
        answer_seconds: For an answer, waiting included; later ones are answered with 504.

    Raises:
        ValueError: A limit is below 1, or a request of `max_reviews` reviews could never wait.
    """

    max_body_bytes: int = 2 * 2**20
    max_reviews: int = 256
    max_review_characters: int = 20_000
    max_explain_characters: int = 5_000
    max_waiting_reviews: int = 1_024
    body_seconds: float = 20.0
    answer_seconds: float = 60.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not value > 0 or (field.type is int and value < 1):
                raise ValueError(f"`{field.name}` must be at least 1, got {value!r}.")
        if self.max_waiting_reviews < self.max_reviews:
            raise ValueError(
                f"`max_waiting_reviews` must be at least `max_reviews`, {self.max_reviews:,}, or a request of so many "
                f"could never be taken, got {self.max_waiting_reviews:,}."
            )
