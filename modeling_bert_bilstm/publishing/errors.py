"""The one error of this room."""


class PublishingError(ValueError):
    """The folder, the repo or the rights do not allow the push; the message says which and what to do."""
