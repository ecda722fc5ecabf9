"""Serve a model over HTTP.

python -m modeling_bert_bilstm.inference.server runs/imdb --port 8000

/predict, /polarity, /explain, /health, /info, and /docs, which shows them all.
"""

import argparse
import logging
import os
import sys
from dataclasses import fields
from pathlib import Path

from ..extras import import_optional
from ..hardware.environment import count_cores
from .backends import BACKENDS, PRECISIONS
from .batches import choose_max_word_pieces
from .loading import choose_device_type, choose_precision
from .serving.limits import Limits


TOKEN_VARIABLE = "REVIEW_SERVER_TOKEN"
_MAX_DEFAULT_WORKERS = 4  # each holds a model


def main(argv: list[str] | None = None) -> None:
    """Serve as the command line says, until Ctrl+C or SIGTERM."""
    options = build_parser().parse_args(argv)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # a lone review is quickest with one thread
    import_optional("litserve", "serve")
    from .serving.review_server import ReviewServer
    from .serving.served_model import load_served_model
    from .serving.worker import ScoringApi

    show_access_log(sys.stdout)
    limits = Limits(**{field.name: getattr(options, field.name) for field in fields(Limits)})
    token = read_token(options.token_file)
    model = load_served_model(options.model)
    device_type = choose_device_type(options.backend)
    precision = choose_precision(options.backend, options.precision, device_type)
    num_workers = options.num_workers or (min(_MAX_DEFAULT_WORKERS, count_cores()) if device_type == "cpu" else 1)
    api = ScoringApi(options.model, options.backend, precision, max(1, count_cores() // num_workers))
    server = ReviewServer(
        model,
        api,
        num_workers=num_workers,
        max_word_pieces=options.max_word_pieces or choose_max_word_pieces(device_type),
        limits=limits,
        token=token,
        accelerator=device_type,
    )
    if token is None and options.host != "127.0.0.1":
        sys.stdout.write(f"Everybody who can reach this machine can ask: {TOKEN_VARIABLE} is not set.\n")
    server.run(options.host, options.port, lambda line: sys.stdout.write(f"{line}\n") and sys.stdout.flush())


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m modeling_bert_bilstm.inference.server",
        description="Serve a model over HTTP. SIGTERM and Ctrl+C finish what was taken, and stop.",
        epilog=f"With {TOKEN_VARIABLE} in the environment, or --token_file, requests need the header `Authorization: "
        "Bearer TOKEN`. Behind a reverse proxy leave encryption and slow headers to it.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("model", help="folder that train.py wrote, or an id on the Hub")
    add(
        "--host",
        default="127.0.0.1",
        choices=("127.0.0.1", "0.0.0.0", "::"),
        help="default: %(default)s, this machine",
    )
    add("--port", type=int, default=8_000, help="1024 to 65535 (default: %(default)s)")
    add("--token_file", type=Path, metavar="FILE", help=f"file with the bearer token, in place of {TOKEN_VARIABLE}")
    add("--backend", default="torch", choices=BACKENDS, help="what computes (default: %(default)s)")
    add("--precision", default="auto", choices=PRECISIONS, help="default: auto, bfloat16 where it is faster here")
    add(
        "--num_workers",
        type=int,
        metavar="N",
        help="processes that compute (default: one a core, at most 4, or one a GPU)",
    )
    add("--max_word_pieces", type=int, metavar="N", help="word pieces a batch (default: 4,096, on a GPU 65,536)")
    for name, text in {
        "max_body_bytes": "of a body; more is answered with 413",
        "max_reviews": "in a request; more is answered with 422",
        "max_review_characters": "in a review; more is answered with 422",
        "max_explain_characters": "in a review to explain",
        "max_waiting_reviews": "that wait; more are answered with 503",
    }.items():
        add(f"--{name}", type=int, metavar="N", default=getattr(Limits, name), help=f"{text} (default: %(default)s)")
    add(
        "--body_seconds",
        type=float,
        default=Limits.body_seconds,
        metavar="S",
        help="for a body to arrive (%(default)s)",
    )
    add("--answer_seconds", type=float, default=Limits.answer_seconds, metavar="S", help="for an answer (%(default)s)")
    return parser


def read_token(token_file: Path | None) -> str | None:
    """Return the token that requests need, None for no token.

    Raises:
        ValueError: It is empty, which would look like a lock and be none, or no header could carry it.
    """
    token = os.environ.get(TOKEN_VARIABLE) if token_file is None else token_file.read_text(encoding="utf-8").strip()
    if token is not None and not (token.isascii() and token.isprintable() and token.strip() == token != ""):
        raise ValueError(
            f"The token in {token_file or TOKEN_VARIABLE} must be of printable ASCII characters, one at least, found "
            f"{len(token)} characters. `openssl rand -hex 32` makes one."
        )
    return token


def show_access_log(stream) -> None:
    """Write the lines of the access log, each with its time."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    access_logger = logging.getLogger("modeling_bert_bilstm.access")
    access_logger.handlers, access_logger.propagate = [handler], False
    access_logger.setLevel(logging.INFO)


if __name__ == "__main__":
    try:
        main()
    except (ImportError, OSError, RuntimeError, TypeError, ValueError) as error:
        sys.exit(f"modeling_bert_bilstm.inference.server: {' '.join(str(error).split())}")
