"""From a run folder to a model on the Hub: build the publishable folder, check it as a stranger, upload it."""

from .check import HubFolderCheck, check_hub_folder
from .endpoint import check_handler
from .errors import PublishingError
from .hub_folder import build_hub_folder, list_hub_files
from .model_card import render_model_card, render_usage
from .upload import PushOutcome, check_login, check_repo_id, push_hub_folder


__all__ = [
    "HubFolderCheck",
    "PublishingError",
    "PushOutcome",
    "build_hub_folder",
    "check_handler",
    "check_hub_folder",
    "check_login",
    "check_repo_id",
    "list_hub_files",
    "push_hub_folder",
    "render_model_card",
    "render_usage",
]
