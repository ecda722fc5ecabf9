"""LitServe around the endpoints: it starts the workers, feeds them, starts others where they die, and serves.

What LitServe 0.2 lacks, and is here or in the modules beside:
- it puts requests together by their number and polls its queue a thousand times a second for it; `Batcher` does so
  by word pieces, where the requests are, and a worker gets whole batches;
- its queue is not bounded, and an answer may take forever; `Batcher` and the endpoints see to it;
- it looks for the requests of a dead worker in the process that started it, where they are not, so that they would
  wait forever; `_watch_workers` does so where they are, and they are tried again;
- SIGTERM would end the process that started the workers and leave them behind; it is handled as Ctrl+C is. A stop
  would start the workers again that it stops, and go on to take clients that nobody answers.
"""

import asyncio
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI
from litserve import LitServer
from litserve.server import RegularRequestHandler
from litserve.utils import LitAPIStatus, WorkerSetupStatus

from .batcher import Batcher
from .endpoints import PATHS, Service, add_endpoints
from .limits import Limits
from .middleware import AccessLog, BearerToken, BodyLimit
from .served_model import ServedModel
from .worker import ScoringApi


logger = logging.getLogger(__name__)

_WATCH_SECONDS = 0.5


def _stop_quietly(*signals: signal.Signals) -> None:
    """Let signals end this process as Ctrl+C does, and those that it starts without a traceback."""
    process_id = os.getpid()

    def stop(*_: object) -> None:
        raise KeyboardInterrupt if os.getpid() == process_id else SystemExit(0)

    for number in signals:
        signal.signal(number, stop)


class ReviewServer(LitServer):
    """Serves a model; `run` blocks until SIGINT or SIGTERM, and then finishes what it took.

    Args:
        model: What is served.
        api: What the workers do.
        num_workers: Worker processes, on each device if there are GPUs.
        max_word_pieces: Word pieces a batch.
        limits: What is taken at most.
        token: Bearer token to ask for; None lets everybody in.
        accelerator: `cpu` or `cuda`.
    """

    def __init__(
        self,
        model: ServedModel,
        api: ScoringApi,
        *,
        num_workers: int,
        max_word_pieces: int,
        limits: Limits,
        token: str | None = None,
        accelerator: str = "cpu",
    ):
        self._model, self._limits, self._needs_token = model, limits, token is not None
        self._max_word_pieces = max_word_pieces
        middlewares = [(BodyLimit, {"max_bytes": limits.max_body_bytes, "max_seconds": limits.body_seconds})]
        if token is not None:
            middlewares.append((BearerToken, {"token": token}))
        middlewares.append((AccessLog, {"paths": PATHS}))  # the last stands around the others
        super().__init__(
            api,
            accelerator=accelerator,
            workers_per_device=num_workers,
            timeout=False,
            middlewares=middlewares,
            restart_workers=True,
        )
        self.monitor_internal = _WATCH_SECONDS
        self.uvicorn_graceful_timeout = round(limits.answer_seconds) + 1

    def register_endpoints(self) -> None:
        """Add the endpoints of this server in place of those of LitServe."""
        num_workers = len(self._inference_workers_config_for_api(self.lit_api.api_path))
        handler = RegularRequestHandler(self.lit_api, self)
        self.batcher = Batcher(
            lambda payload: handler.handle_request(payload, dict),
            num_workers=num_workers,
            max_word_pieces=self._max_word_pieces,
            max_waiting=self._limits.max_waiting_reviews,
        )
        details = {
            "backend": self.lit_api.backend_name,
            "precision": self.lit_api.precision,
            "num_workers": num_workers,
            "max_word_pieces": self._max_word_pieces,
        }
        service = Service(
            self._model, self.batcher, self._limits, self._list_ready, details, needs_token=self._needs_token
        )
        add_endpoints(self.app, service)

    @asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        """Hand out batches while the server runs."""
        async with super().lifespan(app):
            self.batcher.start()
            watching = asyncio.create_task(self._watch_workers())
            yield
            watching.cancel()
            await self.batcher.stop()

    def run(self, host: str, port: int, report: Callable[[str], None], **options: str | int) -> None:
        """Start the workers, serve, and stop in good order; `report` is told when the first is ready."""
        _stop_quietly(signal.SIGTERM, signal.SIGINT)
        self._report_ready = lambda: report(f"Ready: http://{host}:{port}/docs")
        try:
            super().run(host, port, 1, "warning", generate_client_file=False, access_log=False, **options)
        except KeyboardInterrupt:  # before it was ready
            pass
        finally:
            for child in multiprocessing.active_children():  # whatever a failed or interrupted start left behind
                child.terminate()

    def _start_server(self, *args: object, **options: object) -> dict:
        started = super()._start_server(*args, **options)
        # Held open here, too, it would take clients while the server stops, and answer none.
        for listening in next(argument for argument in args if isinstance(argument, list)):
            listening.close()
        self._report_ready()
        return started

    def _perform_graceful_shutdown(self, *args: object, **options: object) -> None:
        # Else the thread that watches the workers would start them again as they are stopped. This thread was in the
        # midst of waiting for the event, so that its connection to whoever holds it still waits for that answer.
        setter = threading.Thread(target=self._shutdown_event.set, daemon=True)
        setter.start()
        setter.join(10 * _WATCH_SECONDS)
        for thread in threading.enumerate():
            if thread.name == "litserve-monitoring" and thread is not threading.current_thread():
                thread.join(4 * _WATCH_SECONDS)
        super()._perform_graceful_shutdown(*args, **options)

    def _list_ready(self) -> list[bool]:
        return [status == WorkerSetupStatus.READY for status in self.workers_setup_status.values()]

    async def _watch_workers(self) -> None:
        """Give back what died with a worker: what it had begun, and what it may have taken without a word."""
        were_ready: list[bool] = []
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            ready = await asyncio.to_thread(self._list_ready)
            has_died = any(was and not is_ready for was, is_ready in zip(were_ready, ready, strict=False))
            for item in list(self.response_buffer.values()):
                is_lost = has_died if item.worker_id is None else not ready[item.worker_id]
                if is_lost and not item.event.is_set():
                    item.response = (None, LitAPIStatus.ERROR)
                    item.event.set()
            if has_died:
                logger.warning("A worker died; what it was at is done again, and another is started.")
            were_ready = ready
