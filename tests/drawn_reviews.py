"""Reviews drawn from a known audience, as a calibrated classifier that errs would read them."""

import numpy as np

from modeling_bert_bilstm.polarity import PolarityTally


LABELS = {2: ["negative", "positive"], 5: ["very negative", "negative", "neutral", "positive", "very positive"]}
POLARITY = {2: [-1.0, 1.0], 3: [-1.0, 0.0, 1.0], 5: [-1.0, -0.5, 0.0, 0.5, 1.0]}
DISTANCE = {2: 2.5, 3: 2.0, 5: 1.5}  # of neighbouring labels, in deviations of what is seen of a review


def draw_reviews(generator, shares, num_reviews, *, distance):
    """True labels, and calibrated probabilities of a classifier trained on equal shares that errs."""
    num_labels = len(shares)
    labels = generator.choice(num_labels, size=num_reviews, p=shares)
    centres = distance * np.arange(num_labels)
    seen = centres[labels] + generator.standard_normal(num_reviews)
    scores = np.exp(-0.5 * (seen[:, None] - centres) ** 2)
    return labels, scores / scores.sum(axis=1, keepdims=True)


def draw_films(generator, film_prior, sizes):
    """Tallies of films of these sizes, whose audiences differ as a Dirichlet distribution says."""
    distance = DISTANCE[len(film_prior)]
    drawn = [draw_reviews(generator, generator.dirichlet(film_prior), size, distance=distance)[1] for size in sizes]
    return [PolarityTally.from_probabilities(probabilities) for probabilities in drawn]


def summarise(probabilities, **options):
    """Summarise reviews with the usual labels."""
    num_labels = np.shape(probabilities)[1]
    tally = PolarityTally.from_probabilities(np.array(probabilities, dtype=float))
    return tally.summarise(LABELS[num_labels], POLARITY[num_labels], **options)
