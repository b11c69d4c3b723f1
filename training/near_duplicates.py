"""Tell texts that say nearly the same as an earlier one, by MinHash over overlapping pieces.

Knows nothing of what the texts are.
"""

from __future__ import annotations

import re
import zlib

from datasketch import MinHash, MinHashLSH

PIECE = 5  # characters; words differ between scripts, characters do not
HASHES = 64
EMPTY = MinHash(num_perm=HASHES, hashfunc=zlib.crc32)  # copied, since to make one takes longer than a sketch


class NearDuplicates:
    """Remembers texts; work per text does not grow with their number."""

    def __init__(self, similarity: float) -> None:
        """`similarity`: Jaccard share of common pieces, 0..1, from which texts are near duplicates."""
        self._index = MinHashLSH(threshold=similarity, num_perm=HASHES)
        self._count = 0

    def seen(self, text: str) -> bool:
        """Whether a text like this one came before; if not, remember it."""
        made = sketch(text)
        if self._index.query(made):
            return True
        self._index.insert(self._count, made, check_duplication=False)
        self._count += 1
        return False

    def like(self, text: str) -> bool:
        """Whether a text like this one came before; it is not remembered."""
        return bool(self._index.query(sketch(text)))


def sketch(text: str) -> MinHash:
    """MinHash of the overlapping pieces of a text, without case, digits and punctuation."""
    plain = re.sub(r"[\W\d]+", " ", text.lower()).strip()
    pieces = {plain[i : i + PIECE] for i in range(max(1, len(plain) - PIECE + 1))}
    made = EMPTY.copy()
    made.update_batch([piece.encode() for piece in pieces])
    return made
