"""Which named things of the knowledge base a conversation is about: names are found even misspelt or misheard.

A name may be shortened ("the Zelos" for "Hotel Zelos San Francisco"), split, merged or respelt by speech recognition.
Knows nothing of passages, vectors or who said what: texts come in, oldest first, and weights per name come out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from rapidfuzz.distance import Levenshtein
from rapidfuzz.fuzz import partial_ratio
from rapidfuzz.process import cdist

from retrieval.lexical import LexicalIndex
from retrieval.sounds import sound, spoken_words

_FILLING = frozenset("the a an of and at in by on de la le el for to is".split())  # neither side needs them
_EVERYDAY = frozenset(  # words of any conversation: alone they are hardly a name, and never a misspelt one
    """
    about also and another any anything are around ask available back be been best better book booked booking but
    call can center central change check city close could day do does done dont down easy else enough ever every
    fine find first five food for found four free friday from get go going good got great have hello help here hi
    home hotel hour hours house how i in inn is it just kids kind know last left less let like line little local
    long look looking looks lot made make many may maybe me mind monday more most much my near need new next nice
    night nine no not nothing now number of off office ok okay old on one only open or other our out over park
    parking part people perfect person place plan plaza please possible price put question rate rating really
    right room saturday see service seven show six small so some something sounds special square stars stay still
    street sunday super sure take tell ten thank thanks that the their them then there they thing think this three
    thursday time to today together tomorrow tonight too town try tuesday two under up us use very visit view want
    was way we wednesday week weekend well what when where which who why will with work would yes you your
    """.split()
)
_PARTS = re.compile(r"\s+[-–—:|]\s+|[,/(]")
_PLACE = frozenset("in near around by close on".split())  # "a hotel near Union Square" is about the hotel
_ORDINAL = re.compile(
    r"\b(?:the|that) (?:(first|former)|(second)|(third)|(last|latter))(?: (?:one|option|place|choice|two))?\b"
)
_PLACED = 0.45  # strength of a name that is said as a place
_READ_WORDS = 160  # of a text, its last ones
_MOST_WORDS = 9  # of a window that may hold a name
_MOST_ALIASES = 300  # compared letter by letter with a text
_SHARED = 0.3  # of an alias' sounds that a text must have
_MESSAGE_DECAY = 0.97  # a name fades with every message after it,
_OTHER_DECAY = 0.75  # and more with every message that names something else
_ORDINAL_STRENGTH = 1.0
_COMMON = 0.5  # what a word tells, below which names are often said without it
_TELLING = 4.0  # letters that make a name unmistakable
_LEAST = 0.3  # weight of a form whose words tell little
_WHOLE = {1: 0.3, 2: 0.5, 3: 0.8}  # the same for a name in full, by its number of words: "Home from Home"
_EVERYDAY_TELLS = 0.3
_SOUND = 0.6  # of likeness, the rest is spelling
_EXACT = 0.999
_AGAIN = 0.5
_LEADING = 0.65  # weight of the first telling word alone
_CORE = 0.6  # how alike the telling words must be to a part of what stands for the name
_KEPT = 0.6  # of what a name tells, that a shorter form must keep
_ECHO = 0.7  # strength of a telling word of a name that was in play before
_LOOK_BACK = 24  # texts


@dataclass(frozen=True, slots=True)
class Mention:
    """A name in a text: words `start` to `end` of it, and how surely 0..1."""

    name: int
    strength: float
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Alias:
    letters: str
    sounds: str
    name: int
    weight: float
    telling: float  # letters, those of common words counted less
    core: str  # sounds of the words that tell

    def core_in(self, sounds: str) -> bool:
        """Whether the telling words are among some sounds: "the Wharf" alone is not "Hotel Zoe Fisherman's Wharf"."""
        return partial_ratio(self.core, sounds) >= 100 * _CORE


class _Rarity:
    """How much the words of names tell, 0..1: little if many names have them or passages about others use them."""

    def __init__(self, owned: Counter[str], passages: Callable[[str], int]) -> None:
        self._names: Counter[str] = Counter()
        own: Counter[str] = Counter()
        for name, count in owned.items():
            for word in set(spoken_words(name)):
                self._names[word] += 1
                own[word] += count
        self._outside = {word: max(0, passages(word) - own[word]) for word in own}
        self._total_names = len(owned) + 1
        self._total = owned.total() + 1

    def __call__(self, word: str) -> float:
        if word not in self._names:
            return 0.0
        among_names = np.log(self._total_names / self._names[word]) / np.log(self._total_names)
        among_texts = np.log(self._total / (1 + min(self._outside[word], self._total - 1))) / np.log(self._total)
        return float(among_names * among_texts) * (_EVERYDAY_TELLS if word in _EVERYDAY else 1.0)

    def letters(self, words: Iterable[str]) -> float:
        """The letters of some words, each counted as much as its word tells."""
        return sum(len(word) * self(word) for word in words)

    def common(self, word: str) -> bool:
        """Whether a name is still one without this word at its end."""
        return self(word) < _COMMON


class Entities:
    """Finds the `names` of things in texts; immutable, safe to use from several threads."""

    def __init__(self, owners: Iterable[str], passages: Callable[[str], int]) -> None:
        """`owners`: the name each passage belongs to; `passages(word)`: how many passages use a word at all."""
        owned = Counter(owners)
        self.names = tuple(owned)
        rare = _Rarity(owned, passages)
        self._aliases = [
            _alias(number, words, weight, rare)
            for number, name in enumerate(self.names)
            for words, weight in _aliases(name, rare).items()
        ]
        self._telling = [
            [(sound(w), rare(w)) for w in spoken_words(name) if len(w) > 3 and not rare.common(w)]
            for name in self.names
        ]
        self._needed = np.array([_needed(alias.telling, len(alias.letters)) for alias in self._aliases])
        self._weights = np.array([alias.weight for alias in self._aliases])
        postings: dict[str, list[int]] = {}
        for number, alias in enumerate(self._aliases):
            for gram in _grams(alias.sounds):
                postings.setdefault(gram, []).append(number)
        self._postings = {gram: np.array(numbers, dtype=np.int32) for gram, numbers in postings.items()}
        self._gram_weights = {gram: 1 / len(numbers) ** 0.5 for gram, numbers in postings.items()}
        self._sizes = np.zeros(len(self._aliases))
        for gram, numbers in self._postings.items():
            self._sizes[numbers] += self._gram_weights[gram]
        self._read = lru_cache(maxsize=2048)(self._mentions)

    def mentions(self, text: str) -> tuple[Mention, ...]:
        """The names in a text, each once, in order of appearance."""
        return self._read(text) if self.names else ()

    def in_play(self, said: Sequence[str]) -> dict[int, float]:
        """The weight 0..1 of each name that the texts, oldest first, are about; the newest mention counts most."""
        weights: dict[int, float] = {}
        recent = said[-_LOOK_BACK:]
        for at, text in enumerate(recent):
            found = {mention.name: mention.strength for mention in self.mentions(text)}
            found |= self._echoed(text, [name for name in weights if name not in found])
            found |= self._pointed_at(text, recent[:at])
            fade = _MESSAGE_DECAY * (1 - (1 - _OTHER_DECAY) * max(found.values(), default=0.0))
            weights = {name: weight * (_MESSAGE_DECAY if name in found else fade) for name, weight in weights.items()}
            for name, strength in found.items():
                before = weights.get(name, 0.0)
                weights[name] = max(strength, before) + _AGAIN * min(strength, before) * (1 - max(strength, before))
        return weights

    def _echoed(self, text: str, names: Iterable[int]) -> dict[int, float]:
        """Names in play of which a text has a telling word: "the Marriott" among the places just listed."""
        sounds = {sound(word) for word in spoken_words(text) if word not in _EVERYDAY}
        told = {name: max((tells for s, tells in self._telling[name] if s in sounds), default=0.0) for name in names}
        return {name: _ECHO * tells for name, tells in told.items() if tells}

    def _pointed_at(self, text: str, before: Sequence[str]) -> Mapping[int, float]:
        """What "the second one" means: a name of the last text that has several."""
        ordinal = _ORDINAL.search(text.lower())
        if ordinal is None:
            return {}
        lists = (_without_rivals(self.mentions(earlier)) for earlier in reversed(before))
        listed = next((found for found in lists if len(found) > 1), [])
        place = next(n for n, group in enumerate(ordinal.groups()) if group)
        place = len(listed) - 1 if place == 3 else place
        return {listed[place].name: _ORDINAL_STRENGTH} if place < len(listed) else {}

    def _mentions(self, text: str) -> tuple[Mention, ...]:
        words = spoken_words(text)[-_READ_WORDS:]
        near = self._alike(words)
        if not len(near):
            return ()
        kept = [n for n, word in enumerate(words) if word not in _FILLING] or list(range(len(words)))
        spans = [(a, b) for a in range(len(kept)) for b in range(a + 1, min(a + _MOST_WORDS, len(kept)) + 1)]
        parts = [[words[kept[n]] for n in range(a, b)] for a, b in spans]
        likeness = self._likeness(parts, near)
        everyday = np.array([_EVERYDAY.issuperset(part) for part in parts])
        likeness[everyday] = np.where(likeness[everyday] > _EXACT, likeness[everyday], 0.0)
        surplus = (likeness - self._needed[near]) / (1.0001 - self._needed[near])
        surplus[likeness > _EXACT] = 1.0
        strengths = np.where(surplus >= 0, self._weights[near] * (0.5 + 0.5 * surplus), 0.0)
        found = []
        for span, column in zip(*np.nonzero(strengths), strict=True):
            alias = self._aliases[near[column]]
            if likeness[span, column] < _EXACT and not alias.core_in(_sounds(parts[span])):
                continue
            a, b = kept[spans[span][0]], kept[spans[span][1] - 1] + 1
            placed = _PLACED if a and _PLACE & set(words[max(0, a - 2) : a]) else 1.0
            found.append((Mention(alias.name, float(strengths[span, column]) * placed, a, b), len(alias.letters)))
        return _best_of(found)

    def _alike(self, words: Sequence[str]) -> np.ndarray:
        """Numbers of the aliases that share enough sounds with a text, most alike first."""
        shared = np.zeros(len(self._aliases))
        for gram in _grams(_sounds(words)) & self._postings.keys():
            shared[self._postings[gram]] += self._gram_weights[gram]
        share = shared / self._sizes
        near = np.flatnonzero(share >= _SHARED)
        return near[np.argsort(-share[near], kind="stable")][:_MOST_ALIASES]

    def _likeness(self, parts: Sequence[Sequence[str]], near: np.ndarray) -> np.ndarray:
        """(parts, near) how alike parts of a text and aliases are, 0..1, by letters and by sound."""
        letters = ["".join(part) for part in parts]
        sounds = [_sounds(part) for part in parts]
        aliases = [self._aliases[number] for number in near]
        by_letter = cdist(letters, [a.letters for a in aliases], scorer=Levenshtein.normalized_similarity)
        by_sound = cdist(sounds, [a.sounds for a in aliases], scorer=Levenshtein.normalized_similarity)
        return np.asarray((1 - _SOUND) * by_letter + _SOUND * by_sound, dtype=np.float64)


def _without_rivals(found: Sequence[Mention]) -> list[Mention]:
    """Of mentions of the same words the surest, in order of appearance."""
    kept: list[Mention] = []
    for mention in sorted(found, key=lambda one: -one.strength):
        if mention.strength >= _LEAST and all(
            mention.end <= other.start or other.end <= mention.start for other in kept
        ):
            kept.append(mention)
    return sorted(kept, key=lambda one: one.start)


def _alias(name: int, words: Sequence[str], weight: float, rare: _Rarity) -> _Alias:
    telling = [word for word in words if not rare.common(word)] or words
    return _Alias("".join(words), _sounds(words), name, weight, rare.letters(words), _sounds(telling))


def _sounds(words: Iterable[str]) -> str:
    return "".join(map(sound, words))


def _aliases(name: str, rare: _Rarity) -> dict[tuple[str, ...], float]:
    """What a name may be called, as words, with weights: in full, its first part, and shorter ones."""
    whole = _meaningful(spoken_words(name))
    head = _meaningful(spoken_words(_PARTS.split(name)[0])) or whole
    end, start = _without_end(head, rare), _without_end(head[::-1], rare)[::-1]
    everything = rare.letters(head) + 0.1
    found: dict[tuple[str, ...], float] = {}
    for words in (whole, head, end, start, _without_end(end[::-1], rare)[::-1]):
        told = rare.letters(words)
        kept = min(1.0, (told + 0.1) / everything)
        if kept >= _KEPT:
            least = _WHOLE[min(len(words), 3)] if words == whole else _LEAST
            found.setdefault(words, (0.4 + 0.6 * kept) * min(1.0, max(least, told / _TELLING)))
    leading = next((word for word in head if not rare.common(word)), "")
    if rare.letters([leading]) >= _TELLING:
        found.setdefault((leading,), _LEADING)
    return found


def _without_end(words: tuple[str, ...], rare: _Rarity) -> tuple[str, ...]:
    """Without the common words at the end, as long as something is left."""
    while len(words) > 1 and rare.common(words[-1]):
        words = words[:-1]
    return words


def _meaningful(words: Sequence[str]) -> tuple[str, ...]:
    """Without filling words, unless there is nothing else; as long as a window at most."""
    return tuple(word for word in words if word not in _FILLING)[:_MOST_WORDS] or tuple(words)[:_MOST_WORDS]


def _needed(telling: float, letters: int) -> float:
    """How alike a part of a text must be to a name: the fewer telling letters, the fewer may differ."""
    share = float(np.interp(telling, (3, 4, 6, 9, 14), (0.0, 0.2, 0.32, 0.4, 0.45)))
    return 1 - share * min(1.0, telling / letters)


def _grams(sounds: str) -> set[str]:
    """Runs of two and three sounds: the short ones survive a misheard neighbour, the long ones tell more."""
    return {sounds[n : n + size] for size in (2, 3) for n in range(len(sounds) - size + 1)} or {sounds}


def _best_of(found: Sequence[tuple[Mention, int]]) -> tuple[Mention, ...]:
    """Of overlapping mentions the surest and longest; close rivals for the same words stay."""
    chosen: list[tuple[Mention, float]] = []
    for mention, letters in sorted(found, key=lambda one: -one[0].strength * one[1]):
        value = mention.strength * letters
        over = [v for m, v in chosen if m.start < mention.end and mention.start < m.end]
        same = any(m.name == mention.name for m, _ in chosen)
        if not same and (not over or value >= 0.85 * max(over)):
            chosen.append((mention, value))
    return tuple(sorted((mention for mention, _ in chosen), key=lambda m: (m.start, m.end)))


@dataclass(frozen=True, slots=True)
class Named:
    """The named things of a knowledge base, and which of them each passage is about."""

    entities: Entities
    owner: np.ndarray  # (passages,) int32, number of the name, -1: none

    @classmethod
    def of(cls, names: Sequence[str | None], lexical: LexicalIndex) -> Named:
        """`names`: what each passage is about, in the order of the index."""
        entities = Entities((name for name in names if name), lexical.frequency)
        numbers = {name: number for number, name in enumerate(entities.names)}
        return cls(entities, np.array([numbers.get(name or "", -1) for name in names], dtype=np.int32))

    def in_play(self, said: Sequence[str]) -> dict[int, float]:
        """See `Entities.in_play`."""
        return self.entities.in_play(said) if self.entities.names else {}
