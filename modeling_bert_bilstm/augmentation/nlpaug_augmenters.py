"""nlpaug's augmenters, with their broken parts gone around. Imported only when one is built: nlpaug loads slowly.

What is true of nlpaug 1.1.11, and what is done about it:

- Its tokenizer takes "don't" apart for good ("don ' t") and may change `<br />`: `WordSplitter` puts back what stood
  between the words.
- Its misspellings lie in an order that changes from process to process, whatever the seed: they are sorted.
- `WordEmbsAug` keeps vectors by their type, so that a second file silently gives the words of the first, reads
  word2vec files as binary only, and looks up words in a list: `WordNeighbours` takes its place as the model.
- `ContextualWordEmbsAug` fails with transformers 5 (`_convert_token_to_id`), gives whole reviews back as the tokenizer
  sees them (lower case, [UNK]), attends to padding, and mixes up the words that it replaces behind the 32nd text:
  `MaskedWordAug` keeps nlpaug's choice of words and replaces them itself.
- `AbstSummAug` accepts a model by its path's name, and drops summaries without a full stop, so that the rest no longer
  stand beside their labels: `Summarizer` takes its place as the model.
- `SynonymAug` downloads a tagger that nltk no longer reads: what is missing is said instead.

How many words change is as in nlpaug: three tenths, 10 at most.
"""

import re
from collections.abc import Callable, Sequence

import nlpaug.augmenter.char as nac
import nlpaug.augmenter.sentence as nas
import nlpaug.augmenter.word as naw
from nlpaug.base_augmenter import Augmenter
from nlpaug.util import Action

from ..extras import import_optional
from .word_vectors import WordNeighbours


Change = Callable[[list[str]], list[str]]

_WORD_OR_TAG = re.compile(r"</?[A-Za-z][^<>]*>|(\w+(?:['’]\w+)*)")
_WORDNET_DATA = {
    "wordnet": "corpora/wordnet",
    "averaged_perceptron_tagger_eng": "taggers/averaged_perceptron_tagger_eng",
}


class WordSplitter:
    """Takes a text apart into words, and puts it together around other words; remembers one text at a time."""

    def __init__(self):
        self.gaps = [""]

    def split(self, text: str) -> list[str]:
        """Return the words of a text, without tags such as `<br />`."""
        found = [match for match in _WORD_OR_TAG.finditer(text) if match[1]]
        edges = [0, *(edge for match in found for edge in match.span()), len(text)]
        self.gaps = [text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)]
        return [match[1] for match in found]

    def join(self, words: Sequence[str], start: int = 0) -> str:
        """Return the text around `words`, the first of which stands in the place of the word `start`."""
        pieces = [word + self.gaps[start + i + 1] for i, word in enumerate(words)]
        return "".join([self.gaps[start], *pieces])


def change_one_by_one(augmenter: Augmenter) -> Change:
    """Return the function that gives each text to nlpaug, which gives a list of one text or of none."""
    return lambda texts: [next(iter(augmenter.augment(text)), "") for text in texts]


def _build(augmenter: type[Augmenter], **options: object) -> Augmenter:
    splitter = WordSplitter()
    return augmenter(tokenizer=splitter.split, reverse_tokenizer=splitter.join, **options)


# ---------------------------------------------------------------------------------------------------------------------
# Without data of one's own


def build_swap() -> Change:
    """Words change places with a neighbour."""
    return change_one_by_one(_build(naw.RandomWordAug, action=Action.SWAP))


def build_keyboard() -> Change:
    """Letters of words of four letters or more become their neighbours on the keyboard."""
    return change_one_by_one(_build(nac.KeyboardAug))


def build_spelling() -> Change:
    """Words become their misspellings in nlpaug's own list."""
    augmenter = _build(naw.SpellingAug)
    words = augmenter.model.dict
    for word in words:
        words[word].sort()
    return change_one_by_one(augmenter)


def build_wordnet_synonym() -> Change:
    """Words become members of one of their WordNet synsets.

    Raises:
        ImportError: nltk is missing.
        FileNotFoundError: Its data is; the message has the line that downloads it.
    """
    nltk = import_optional("nltk", "baselines", "`synonym_wordnet`")
    missing = [name for name, place in _WORDNET_DATA.items() if not _has_nltk_data(nltk, place)]
    if missing:
        raise FileNotFoundError(
            f"`synonym_wordnet` needs the data of nltk, of which {missing} is not in {nltk.data.path}. Download it: "
            f"python -m nltk.downloader {' '.join(missing)}"
        )
    return change_one_by_one(_build(naw.SynonymAug, aug_src="wordnet"))


def _has_nltk_data(nltk: object, place: str) -> bool:
    for name in (place, f"{place}.zip"):
        try:
            nltk.data.find(name)
        except LookupError:
            continue
        return True
    return False


# ---------------------------------------------------------------------------------------------------------------------
# With word vectors


def build_embedding_synonym(path: str) -> Change:
    """Words become one of their nearest words in a file of vectors."""
    model = WordNeighbours(path)
    return change_one_by_one(_build(naw.WordEmbsAug, model_type="glove", model=model))


# ---------------------------------------------------------------------------------------------------------------------
# With a language model


def build_contextual(folder: str) -> Change:
    """Words become what a masked language model reads in their place."""
    from .language_models import MaskedLanguageModel

    return change_one_by_one(_build(MaskedWordAug, model=MaskedLanguageModel(folder)))


class MaskedWordAug(naw.WordAugmenter):
    """Words become what a masked language model reads in their place, each with all others as they were.

    Args:
        model: Predicts words.
        tokenizer: As in nlpaug, takes a text apart.
        reverse_tokenizer: Puts it together again.
    """

    def __init__(self, model: object, tokenizer: Callable, reverse_tokenizer: Callable):
        super().__init__(action=Action.SUBSTITUTE, tokenizer=tokenizer, reverse_tokenizer=reverse_tokenizer)
        self.model = model

    def substitute(self, data: str) -> str:
        """Return the text with some of its words replaced."""
        words = self.tokenizer(data)
        chosen = self._get_aug_idxes(words)
        if not chosen:
            return data
        masked = []
        for i in chosen:
            first = max(0, i - self.model.num_context_words)
            before, behind = words[first:i], words[i + 1 : i + 1 + self.model.num_context_words]
            masked.append(self.reverse_tokenizer([*before, self.model.mask_token, *behind], first))
        found = self.model.predict(masked, [words[i] for i in chosen])
        for i, word in zip(chosen, found, strict=True):
            words[i] = self.align_capitalization(words[i], word)
        return self.reverse_tokenizer(words)


def build_summary(folder: str) -> Change:
    """Texts become summaries in the words of a summariser."""
    from .language_models import Summarizer

    return SummaryAug(Summarizer(folder)).substitute


class SummaryAug(nas.AbstSummAug):
    """nlpaug's abstractive summary with a model of ours.

    Args:
        model: Gives N summaries for N texts.
    """

    def __init__(self, model: object):
        self.own_model = model
        super().__init__()

    def get_model(self, **options: object) -> object:
        """Return the model; nlpaug would choose one by its path."""
        return self.own_model
