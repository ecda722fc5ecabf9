"""Real reviews, from the Hub, files, folders and pip packages, in one schema; label schemes; splits without leaks."""

from .corpora import load_reviews
from .labels import LABEL_SCHEMES, LabelScheme, get_label_polarity, get_label_scheme
from .packages import PACKAGE_PREFIX, resolve_package
from .sources import ReviewSource
from .splits import load_splits


__all__ = [
    "LABEL_SCHEMES",
    "PACKAGE_PREFIX",
    "LabelScheme",
    "ReviewSource",
    "get_label_polarity",
    "get_label_scheme",
    "load_reviews",
    "load_splits",
    "resolve_package",
]
