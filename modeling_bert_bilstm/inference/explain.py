"""Ask why: which words of a review moved the score of a label.

python -m modeling_bert_bilstm.inference.explain runs/imdb "A superb film, if a little long." --html why.html

    explainer = ReviewExplainer("runs/imdb")
    explainer.explain("A superb film, if a little long.")        # prints coloured words, returns HTML
    explainer.attribute("A superb film.", label="negative").values
"""

import argparse
import os
import sys
from pathlib import Path
from typing import TextIO

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..attribution import METHODS, WordAttributions, attribute_words, prepare_model
from ..attribution.reading import check_tokenizer, list_labels
from .batches import copy_tokenizer
from .explain_render import render_html, render_text
from .loading import load_model


__all__ = ["ReviewExplainer", "build_parser", "main", "render_html", "render_text"]


class ReviewExplainer:
    """Explains what a trained model says of a review, word by word.

    Several threads may use one at once.

    Args:
        model: A folder, an id on the Hub, or a loaded model. A model that is loaded here goes to the GPU if there is
            one; a loaded one is used where it stands and is not changed. In half precision, a copy in float32 is.
        tokenizer: The model's; needed for a loaded model, else read from where the model is.

    Raises:
        ValueError: The model is of another kind, a loaded one comes without tokenizer, or the tokenizer is slow.
        TypeError: The model is no model.
    """

    def __init__(self, model: str | Path | PreTrainedModel, tokenizer: PreTrainedTokenizerBase | None = None):
        if isinstance(model, PreTrainedModel):
            model = prepare_model(model)
        is_own = isinstance(model, str | Path)
        self.model, self.tokenizer, _ = load_model(model, tokenizer, may_use_gpu=True)
        check_tokenizer(self.tokenizer)
        if is_own:
            self.model.requires_grad_(False)  # only gradients to the embeddings are wanted
        self.labels = list_labels(self.model)
        self._tokenizer_copy = copy_tokenizer(self.tokenizer)

    def attribute(self, text: str, *, label: str | None = None, method: str = METHODS[0]) -> WordAttributions:
        """Share the score of a label among the words of a review, see `attribution.attribute_words`."""
        return attribute_words(self.model, self._tokenizer_copy, text, label=label, method=method)

    def explain(
        self,
        text: str,
        *,
        label: str | None = None,
        method: str = METHODS[0],
        file: TextIO | None = None,
    ) -> str:
        """Print the words in colours, and return them as a fragment of HTML.

        Args:
            text: A review of any length.
            label: The label to explain. Default: the most probable one.
            method: One of `METHODS`.
            file: Where to print. Default: `sys.stdout`.

        Raises:
            TypeError: The review is not a string.
            ValueError: There is no such label or method.
            ImportError: captum is not installed.
        """
        attributions = self.attribute(text, label=label, method=method)
        file = file or sys.stdout
        file.write(render_text(attributions, file))
        return render_html(attributions)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m modeling_bert_bilstm.inference.explain",
        description="Show which words of a review moved the score of a label.",
    )
    parser.add_argument("folder", metavar="FOLDER", help="folder of a trained model, or its id on the Hub")
    parser.add_argument("text", help="the review")
    parser.add_argument("--label", help="the label to explain (default: the most probable one)")
    parser.add_argument(
        "--method",
        choices=METHODS,
        default=METHODS[0],
        help="gradients integrated on the way from a review without words, which add up (needs pip install "
        '"modeling-bert-bilstm[explain]"), or the gradient at the review alone, which is one in place of sixteen and '
        "is far less to be trusted (default: %(default)s)",
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="also write the words as a page")
    return parser


def main(argv: list[str] | None = None) -> str:
    """Explain the review of the command line, print it and return its HTML."""
    arguments = build_parser().parse_args(argv)
    explainer = ReviewExplainer(arguments.folder)
    html = explainer.explain(arguments.text, label=arguments.label, method=arguments.method)
    if arguments.html:
        head = '<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Why</title>\n'
        viewport = '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        arguments.html.write_text(f"{head}{viewport}{html}\n</html>\n", encoding="utf-8")
        sys.stdout.write(f"\n{arguments.html}\n")
    return html


if __name__ == "__main__":
    try:
        main()
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (ImportError, OSError, TypeError, ValueError) as error:
        sys.exit(f"modeling_bert_bilstm.inference.explain: {error}")
