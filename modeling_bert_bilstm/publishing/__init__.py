"""From a run folder to a model on the Hub: build the publishable folder, check it as a stranger, upload it."""

from .check import HubFolderCheck, check_hub_folder
from .endpoint import check_handler
from .errors import PublishingError
from .hub_folder import build_hub_folder, list_hub_files
from .model_card import render_model_card, render_usage
from .space import build_space_folder
from .upload import PushOutcome, check_login, check_repo_id, push_hub_folder, push_space


__all__ = [
    "HubFolderCheck",
    "PublishingError",
    "PushOutcome",
    "build_hub_folder",
    "build_space_folder",
    "check_handler",
    "check_hub_folder",
    "check_login",
    "check_repo_id",
    "list_hub_files",
    "push_hub_folder",
    "push_space",
    "render_model_card",
    "render_usage",
]
