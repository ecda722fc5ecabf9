"""Fixed, seeded choices of rows: the same on every machine and with every version of every library."""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Sequence


_NO_WORD = re.compile(r"[\W_]+")


def compute_fingerprint(texts: Iterable[str], labels: Iterable[object]) -> str:
    """Return the sha256 over all pairs of text and label, whatever the order of the rows."""
    digests = sorted(
        hashlib.sha256(f"{text}\0{label}".encode()).digest() for text, label in zip(texts, labels, strict=True)
    )
    return hashlib.sha256(b"".join(digests)).hexdigest()


def normalise_text(text: str) -> str:
    """Return the letters and digits of a text without case: what two copies share whose spacing and quotes differ.

    A text without any, such as "...", stands for itself.
    """
    return _NO_WORD.sub("", text.casefold()) or text.strip()


def resolve_size(size: int | float, num_rows: int, name: str) -> int:
    """Return the number of rows that `size` means: rows if it is whole, a share if it lies in (0, 1).

    Raises:
        ValueError: It is neither, or leaves no row on one side.
    """
    is_number = isinstance(size, int | float) and not isinstance(size, bool)
    if is_number and 0 < size < 1:
        size = max(1, round(size * num_rows))
    if not is_number or int(size) != size or not 0 < size < num_rows:
        raise ValueError(
            f"`{name}` must be a share in (0, 1), or a number of rows from 1 to {num_rows - 1}, one less than the "
            f"{num_rows} reviews there are, got {size!r}."
        )
    return int(size)


def pick_rows(
    names: Sequence[str], strata: Sequence[Hashable], size: int, seed: int, *, must: Collection[int] = ()
) -> list[int]:
    """Return the positions of `size` rows in ascending order, with the classes in the proportion of the whole.

    Rows that share a name are chosen together or not at all; then the result may stay below `size`. Names are taken in
    the order of the sha256 of seed and name, so that the choice hangs on nothing but them, and a smaller choice is
    nearly a part of a larger one.

    Args:
        names: The id of each row, or its group where groups stay whole.
        strata: The class of each row.
        size: Number of rows to choose.
        seed: Another seed gives another choice.
        must: Positions of rows that are chosen first.

    Raises:
        ValueError: `must` has more rows than `size`, or no group is small enough.
    """
    if len(must) > size:
        raise ValueError(f"The {len(must)} reviews of the groups that were asked for do not fit into {size} reviews.")
    picked, room = set(must), _share_out(Counter(strata), size)
    room.subtract(strata[i] for i in must)
    members: dict[str, list[int]] = defaultdict(list)
    for i, name in enumerate(names):
        if i not in picked:
            members[name].append(i)
    order = sorted(members, key=lambda name: hashlib.sha256(f"{seed}\0{name}".encode()).digest())
    # First whole groups that keep the classes in proportion, then whatever fits into the room that is left.
    for keeps_proportion in (True, False):
        for name in order:
            rows = members[name]
            if rows[0] in picked or len(picked) + len(rows) > size:
                continue
            counts = Counter(strata[i] for i in rows)
            if keeps_proportion and any(count > room[stratum] for stratum, count in counts.items()):
                continue
            picked.update(rows)
            room.subtract(counts)
    if not picked and size:
        smallest = min(len(rows) for rows in members.values())
        raise ValueError(f"No group fits into {size} reviews: the smallest has {smallest}. Ask for more reviews.")
    return sorted(picked)


def _share_out(counts: Counter, size: int) -> Counter:
    """Divide `size` in the proportion of `counts`; the largest remainders take what is left."""
    total = sum(counts.values())
    exact = {stratum: size * count / total for stratum, count in counts.items()}
    shares = Counter({stratum: int(value) for stratum, value in exact.items()})
    left = sorted(exact, key=lambda stratum: (shares[stratum] - exact[stratum], str(stratum)))
    shares.update(left[: size - sum(shares.values())])
    return shares
