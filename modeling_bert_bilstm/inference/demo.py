"""A page in the browser: paste a review and see which words moved it, upload a file and see its films.

python -m modeling_bert_bilstm.inference.demo runs/imdb
"""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from transformers.utils import logging

from ..extras import import_optional
from .demo_page import build_page, load_gradio
from .demo_upload import Limits
from .scoring import ReviewScorer


if TYPE_CHECKING:
    from gradio import Blocks

_LOCAL = ("localhost", "127.0.0.1", "0.0.0.0")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m modeling_bert_bilstm.inference.demo",
        description="Show a page on which to try a model: a review with the words that moved it, a file of reviews "
        'with its films. Needs pip install "modeling-bert-bilstm[demo]".',
    )
    default = Limits()
    add = parser.add_argument
    add("folder", metavar="FOLDER", help="folder that train.py wrote, or an id on the Hub")
    add("--host", help="address to listen at, 0.0.0.0 for all (default: GRADIO_SERVER_NAME, or this machine alone)")
    add("--port", type=int, help="port (default: GRADIO_SERVER_PORT, or the first free one from 7860 on)")
    add("--max_rows", type=int, default=default.rows, metavar="N", help="rows of a file (default: %(default)s)")
    add(
        "--max_upload_mib",
        type=int,
        default=default.upload_mib,
        metavar="N",
        help="size of a file, in MiB (default: %(default)s)",
    )
    add(
        "--max_review_characters",
        type=int,
        default=default.review_characters,
        metavar="N",
        help="length of a review (default: %(default)s)",
    )
    return parser


def main(argv: list[str] | None = None, *, wait: bool = True) -> "Blocks":
    """Serve the page as the command line says, until it is interrupted.

    Args:
        argv: The command line.
        wait: Return only when the server stops; else its `close` stops it.
    """
    parser = build_parser()
    arguments = parser.parse_args(argv)
    limits = Limits(arguments.max_upload_mib, arguments.max_rows, arguments.max_review_characters)
    for name in ("max_upload_mib", "max_rows", "max_review_characters"):
        if getattr(arguments, name) < 1:
            parser.error(f"--{name} must be at least 1, got {getattr(arguments, name)}.")
    return launch(arguments.folder, limits=limits, host=arguments.host, port=arguments.port, wait=wait)


def launch(
    model: str | Path,
    *,
    name: str | None = None,
    limits: Limits | None = None,
    host: str | None = None,
    port: int | None = None,
    wait: bool = True,
) -> "Blocks":
    """Serve the page of a model and return it.

    Args:
        model: A folder, or an id on the Hub.
        name: What the page calls the model. Default: the folder's name, or the id.
        limits: What a visitor may send.
        host: Address to listen at. Default: GRADIO_SERVER_NAME, or this machine alone.
        port: Default: GRADIO_SERVER_PORT, or the first free one from 7860 on.
        wait: Return only when the server stops.

    Raises:
        ImportError: Gradio, captum or matplotlib is not installed.
        OSError: There is no such model, or the port is taken.
        ValueError: The model is of another kind.
    """
    gr = load_gradio()
    logging.disable_progress_bar()
    for package in ("captum", "matplotlib"):  # else a missing one would be missed only when somebody needs it
        import_optional(package, "demo")
    limits = limits or Limits()
    name = name or (Path(model).resolve().name if Path(model).is_dir() else str(model))
    _reach_self_without_proxy()
    page = build_page(name, ReviewScorer(model), limits)
    page.launch(
        server_name=host,
        server_port=port,
        share=False,
        ssr_mode=False,
        mcp_server=False,
        run_history=False,
        footer_links=[],
        max_file_size=limits.upload_mib * 2**20,
        quiet=True,
        prevent_thread_lock=True,
        # Fonts of the visitor's machine: no other server is asked for one.
        theme=gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
    )
    if wait:
        sys.stdout.write(f"{name}: {page.local_url} (Ctrl+C stops it)\n")
        sys.stdout.flush()
        page.block_thread()
    return page


def _reach_self_without_proxy() -> None:
    """Gradio asks its own server whether it runs, and a proxy that is set for the network would be asked instead."""
    for variable in ("NO_PROXY", "no_proxy"):
        hosts = [host for host in os.environ.get(variable, "").split(",") if host]
        os.environ[variable] = ",".join(dict.fromkeys([*hosts, *_LOCAL]))


if __name__ == "__main__":
    try:
        main()
    except (ImportError, OSError, ValueError) as error:
        sys.exit(f"modeling_bert_bilstm.inference.demo: {error}")
