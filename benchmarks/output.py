"""What every benchmark leaves: a table and one JSON line on the terminal, and its result file."""

import json
from pathlib import Path


def write_result(result: dict, table: str, path: Path) -> None:
    """Print the table and the result, and write the result."""
    print(table)
    print(json.dumps(result))
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
