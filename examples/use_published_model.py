"""Read reviews with a published model, as someone who has only transformers installed.

usage: python examples/use_published_model.py MODEL REVIEWS.json

MODEL is a repo on the Hub or a folder. REVIEWS.json holds {"reviews": [text, ...], "films": {film: [text, ...]}}.
"""

import json
import sys
import textwrap
from pathlib import Path

from transformers import pipeline


def main(argv: list[str] | None = None) -> dict:
    """Print the sentiment of each review and the overall polarity of each film; return both."""
    model, file = sys.argv[1:] if argv is None else argv
    asked = json.loads(Path(file).read_text(encoding="utf-8"))

    sentiment = pipeline("sentiment-analysis", model=model, trust_remote_code=True)
    found = sentiment(asked["reviews"])
    print("\nsentiment  score  word pieces  review")
    for text, answer in zip(asked["reviews"], found, strict=True):
        num_pieces = len(sentiment.tokenizer(text).input_ids)
        shown = textwrap.shorten(text.replace("<br />", " "), 84, placeholder=" ...")
        print(f"{answer['label']:9s}  {answer['score']:.3f}  {num_pieces:11d}  {shown}")

    polarity = pipeline("aggregate-polarity", model=model, trust_remote_code=True)
    films = polarity(asked["films"])
    print("\nreviews  verdict   polarity  90% interval     film")
    for film, answer in films.items():
        print(f"{answer['num_reviews']:7d}  {answer['verdict']:8s}  {render_estimate(answer)}   {film}")
    return {"reviews": found, "films": films}


def render_estimate(answer: dict) -> str:
    """Render the polarity of a film and its interval; dashes where it has no reviews."""
    if answer["polarity"] is None:
        return f"{'-':>8s}  {'-':14s}"
    low, high = answer["interval"]
    return f"{answer['polarity']:+8.2f}  {low:+.2f} to {high:+.2f}"


if __name__ == "__main__":
    main()
