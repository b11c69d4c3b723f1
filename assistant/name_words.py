"""The word lists behind the finding of person names, and how words are looked up in them.

Knows nothing of texts.
"""

from __future__ import annotations

import gzip
import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

# What the list says of a folded word (built by benchmarks/name_lists.py):
#   f familiar first name   g other first name   l surname         none of them an English word or a large place
#   m familiar first name that is also a word     n ... that is also a place
#   s any other name that is also a word          t ... that is also a place
#   p other proper noun     w word                "" not in the list
FIRST = "fg"
CERTAIN = "fgl"
POSSIBLE = "fglmnst"
UNKNOWN = ""

WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
CAPITALISED = re.compile(r"\b[A-ZÀ-ÖØ-Þ][^\W\d_]{2,}")
SENTENCE_END = frozenset('.!?:;\n"“”>•*|…')
PARTICLES = frozenset(
    "van von der den de del della di da dos du la le el al bin ibn ter ten zu af av mac mc st".split()
)
SUFFIXES = frozenset("jr sr ii iii iv md phd dds esq".split())
TITLES = frozenset("mr mrs ms miss mx dr prof professor mister herr frau señor señora monsieur madame sra".split())
GREETINGS = frozenset("hi hello hey dear thanks thank thx cheers regards sincerely love welcome".split())
SURELY_NAMING = frozenset(
    {("name", "is"), ("name", "was"), ("names", "are"), ("name", "of"), ("call", "me"), ("calls", "me")}
)
NAMING = frozenset("called name names i'm i’m it's it’s".split())
NAMING_PAIRS = frozenset(
    {("this", "is"), ("i", "am"), ("it", "is"), ("speak", "with"), ("speak", "to"), ("spoke", "with"), ("spoke", "to")}
    | {("talk", "to"), ("talked", "to"), ("ask", "for"), ("attn", "to"), ("thank", "you")}
)
PERSON_VERBS = frozenset(
    "said says told tells asked asks shouted replied wrote writes called calls spoke helped promised answered "
    "explained thinks thought wants wanted knows knew lives lived works worked married was is has had will".split()
)
# after one of these a name is more likely a place; before one of those, a company or a place
PLACE_BEFORE = frozenset("in at near via to from".split())
PLACE_PREFIXES = frozenset(
    "san santa las los fort port saint st mount lake el la puerto buenos rio new north south east west palm".split()
)
# words before a capitalised unknown word that make it a thing or a place
NOT_BEFORE_NAMES = PLACE_BEFORE | frozenset(
    "the a an my your our their his her this that these those some any no of for on into over through around towards "
    "outside inside leaving departing use using via both each every new via app flight".split()
)
PLACE_OR_FIRM_AFTER = frozenset(
    "ltd inc llc corp corporation company co gmbh ag plc group holdings bank hotel hotels resort airport airlines "
    "air airways terminal station street st road rd avenue ave boulevard blvd lane drive square university college "
    "school hospital church park beach county city town state lake river mountain mountains hill hills island "
    "islands center centre store shop restaurant museum theatre theater stadium tower building bridge".split()
)
# endings of surnames in many languages, used only for capitalised words that no list knows
SURNAME = re.compile(
    r"(?:ov|ova|ev|eva|ovic|evic|vich|vych|enko|chuk|ic|skij|skiy|sky|ski|ska|cki|cka|czyk|wicz|szky|sson|sdottir|"
    r"[^aeiou]sen|berg|stein|mann|nen|ian|yan|escu|eanu|opoulos|idis|akis|oglu|shvili|dze|ez|inho|etti|elli|ini|"
    r"moto|mura|yama|kawa|zadeh|pour|singh)$"
)
CAPITAL, UPPER, LOWER = "Aa", "AA", "aa"
HANDLE = ("@", "#", "_", "/", "\\")
END_OF_CALL = ("", ",", ".", "!", "?")  # after a name that is called, as in "we hear you, Ann!"
CONTRACTED = frozenset("m ve ll d s t re em".split())


def fold(text: str) -> str:
    """Lower case without diacritics, as the list has it."""
    if text.isascii():
        return text.lower()
    return "".join(c for c in unicodedata.normalize("NFD", text.casefold()) if not unicodedata.combining(c))


@cache
def name_list() -> Mapping[str, str]:
    """Codes of about 140,000 folded words; see assistant/data/NOTICE.md for where they come from."""
    data = gzip.decompress((files("assistant") / "data" / "names.txt.gz").read_bytes()).decode()
    return dict(line.split(" ") for line in data.splitlines())
