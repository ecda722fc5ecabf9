"""The pictures of a run's report that are published with its model, and how its card shows them."""

import html
import logging
from pathlib import Path

from ..evaluation.finished_run import load_run
from ..evaluation.pictures import PICTURE_NAMES, list_pictures, write_pictures
from .errors import PublishingError


FOLDER = "assets"
FILES = tuple(f"{FOLDER}/{name}.png" for name in PICTURE_NAMES)

_WIDTH = 500  # pixels: a card on the Hub is twice as wide, a phone narrower

logger = logging.getLogger(__name__)


def write_card_pictures(run_folder: Path, target: Path) -> dict[str, str]:
    """Draw the pictures of a run into `assets` of a publishable folder, and return by name what shows each in a card.

    They are drawn anew from results.json and the predictions, so that they are of the model that is published. None
    holds a review. Without matplotlib there are none, which is logged.

    Args:
        run_folder: What train.py wrote.
        target: The publishable folder.

    Raises:
        PublishingError: The results or the predictions cannot be read, or are of two runs.
    """
    folder = target / FOLDER
    try:
        pictures = list_pictures(load_run(run_folder))
        folder.mkdir()
        drawn = write_pictures(pictures, folder)
    except ValueError as error:
        raise PublishingError(f"The pictures of the card cannot be drawn: {error}") from error
    except ImportError as error:
        logger.warning("The card has no pictures. %s", error)
        drawn = {}
    if not drawn:
        folder.rmdir()
    return {
        picture.name: f'<img src="{FOLDER}/{picture.name}.png" alt="{html.escape(picture.title)}" width="{_WIDTH}">'
        f"\n\n{picture.caption}"
        for picture in pictures
        if picture.name in drawn
    }
