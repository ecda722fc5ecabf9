"""Load a published model as a stranger would, and print what it says.

This file is run as the text of `python -I -c`, in an empty folder: it imports nothing of this package and blocks it.
It reads {"model", "revision", "texts", "num_threads", "tasks"} as JSON from its input and prints a line of
JSON a step.
"""

import json
import sys
import time


sys.modules["modeling_bert_bilstm"] = None  # any import of the package now fails, installed or not


def main() -> None:
    """Load everything that a model card promises, score the texts, and report each step."""
    request = json.load(sys.stdin)
    import torch
    from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, AutoTokenizer, pipeline

    torch.set_num_threads(request["num_threads"])  # another number of threads may add up in another order
    source, texts = request["model"], request["texts"]
    options = {"revision": request["revision"], "trust_remote_code": True}

    def report(step, load, describe):
        started = time.perf_counter()
        loaded = load()
        answer = describe(loaded)
        seconds = time.perf_counter() - started
        sys.stdout.write(json.dumps({"step": step, "seconds": seconds, "answer": answer}) + "\n")
        sys.stdout.flush()
        return loaded

    def score(model):
        with torch.inference_mode():
            return [model(**tokenizer(text, return_tensors="pt")).logits[0].tolist() for text in texts]

    report("AutoConfig", lambda: AutoConfig.from_pretrained(source, **options), lambda config: config.model_type)
    tokenizer = report(
        "AutoTokenizer",
        lambda: AutoTokenizer.from_pretrained(source, **options),
        lambda loaded: loaded(texts)["input_ids"],
    )
    for auto_class in (AutoModel, AutoModelForSequenceClassification):
        report(auto_class.__name__, lambda loader=auto_class: loader.from_pretrained(source, **options), score)
    for task in request["tasks"]:
        report(task, lambda task=task: pipeline(task, model=source, **options), lambda loaded: loaded(texts))


main()
