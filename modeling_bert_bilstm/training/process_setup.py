"""The process of a run: memory, threads and precision, set once and said in one line."""

import logging

from ..hardware import choose_num_threads, prepare_process
from .training_options import ReviewTrainingArguments


logger = logging.getLogger(__name__)

_PRECISIONS = {"no": "float32", "bf16": "bfloat16", "fp16": "float16"}


def set_up_process(training: ReviewTrainingArguments) -> tuple[dict[str, str | int | bool], str]:
    """Set the process up for speed, before anything is computed.

    Returns:
        The settings that are on, for the results: allocator, threads, denormals and the precision of the run; and the
        same in one line, which is logged too.
    """
    num_threads = training.num_cpu_threads
    if num_threads is None and training.device.type == "cpu":
        num_threads = choose_num_threads()
    settings = prepare_process(num_threads)
    precision = _PRECISIONS.get(training.mixed_precision, training.mixed_precision)
    line = f"process: {settings.describe()}; {precision}"
    logger.info(line)
    return {**settings._asdict(), "precision": precision}, line
