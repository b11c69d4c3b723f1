"""Find postal addresses in the Latin script and in Chinese, by street words, house numbers and units.

Knows nothing of person names and other personal data. Recall is partial: addresses have no fixed form.
"""

from __future__ import annotations

import re

STREET = (
    "street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|place|pl|square|sq|way|terrace|parkway|pkwy|"
    "highway|hwy|circle|crescent|close|trail|row|alley|grove|gardens|mews|walk|quay|wharf|plaza|expressway|turnpike"
)
# street words that come first, as in "via Roma 5", and endings, as in "Hauptstraße 5"
LEADING = (
    "via|viale|piazza|corso|vicolo|strada|rua|avenida|av|calle|plaza|paseo|camino|camiño|carrera|ctra|carretera|"
    "travessa|rue|avenue|boulevard|impasse|chemin|allée|ul|ulica|ulice|bulevar|jalan"
)
ENDING = (
    "straße|strasse|str|gasse|weg|platz|allee|damm|ring|ufer|laan|straat|plein|kade|dreef|gracht|singel|dijk|gatan|gata|"
    "vägen|väg|gade|vej|veien|vegen|katu|tie|kuja|polku|utca|út|rakpart|körút|prospekt|steenweg|blik"
)
NUMBER = r"\d{1,6}[A-Za-z]?(?:[-/]\d{1,4}[A-Za-z]?)?"
WORD = r"[^\W\d_][\w'’.-]{0,30}"
UNIT = r"(?:apt|apartment|suite|ste|unit|flat|room|floor|bldg|building|box)\.? ?#?\d[\dA-Z]{0,5}(?:[-/]\d{1,4})?"
GAP = r"(?:, ?|,? ?\n ?| )"
STATE_AND_CODE = r"(?:[A-Z]{2} )?\d{4,6}(?:-\d{4})?"
# a unit, then the town and its code, where they follow on
TAIL = rf"(?:{GAP}{UNIT}\b)?(?:{GAP}(?:{WORD} ){{0,3}}?{WORD}(?:, ?| |,? ?\n, ?){STATE_AND_CODE}(?!\w))?"

NUMBERED = re.compile(
    rf"(?<![\w-])(?:{NUMBER}[, ] ?){{1,2}}(?:[\w'’.-]{{1,30}} ){{1,4}}?(?:{STREET})\b\.?{TAIL}", re.IGNORECASE
)
# in "2 bags on the way" the street word is none
SENTENCE = re.compile(
    r"\b(?:on|in|at|my|your|our|is|are|was|were|and|or|for|with|minutes?|hours?|days?|weeks?|times?|people|more|less|"
    r"bags?|miles?|km|items?|i|you|we|it|am|pm|by|than|that|this|all)\b",
    re.IGNORECASE,
)
STREET_FIRST = re.compile(
    rf"\b(?:{NUMBER},? )?(?:{LEADING})\b\.? (?:{WORD} ){{1,5}}?{NUMBER}(?!\w){TAIL}", re.IGNORECASE
)
STREET_ENDING = re.compile(
    rf"(?<![\w-])(?:{NUMBER},? )?(?:{WORD} )?(?:[^\W\d_][\w'’-]{{1,30}})?(?:{ENDING})\.? {NUMBER}(?!\w){TAIL}",
    re.IGNORECASE,
)
ENDING_HINT = re.compile(rf"(?:{ENDING})\.? \d", re.IGNORECASE)
UNIT_OR_BOX = re.compile(
    rf"\b(?:p\.? ?o\.? ?box \d{{1,6}}{TAIL}"
    rf"|(?:unit|psc) \d{{1,5}},? box \d{{1,5}}(?:\s{{1,2}}[adf]po [a-z]{{2}} \d{{5}})?"
    rf"|{UNIT}(?=,|\n|$))",
    re.IGNORECASE,
)
# what an address goes on with after a comma or on the next line: units, capitalised places, codes
PLACE = r"[^\W\d_a-zß-ÿ][\w'’.-]{1,30}(?:[ -][\w'’-]{1,30}){0,3}"
END_OF_PLACE = r"(?=[ \t]{0,3}(?:[,.\n]|$))"
CONTINUES = re.compile(
    rf"(?:[ \t]{{0,3}},?[ \t]{{0,3}}[,\n][ \t]{{0,3}}"
    rf"(?:(?i:{UNIT})\b|{PLACE}(?:,? {STATE_AND_CODE})?{END_OF_PLACE}|{STATE_AND_CODE}\b))+"
)
POSTCODE = re.compile(
    r"\b(?:[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}|[A-Z]\d[A-Z] \d[A-Z]\d)\b"  # United Kingdom, Canada
    r"|(?<=, [A-Z]{2} )\d{5}(?:-\d{4})?\b"  # after the code of a US state
)
# after words that announce an address: a number, at least two words, then whatever the line has
ANNOUNCED = re.compile(
    rf"(?:address|deliver(?:ed)? to|ship(?:ped)? to|send it to|sent to|live at|lives at|taxi to|moved to|located at)"
    rf"(?: is| to|:)*:?\s{{1,2}}(?P<value>{NUMBER}(?:[, ]{{1,2}}[\w'’.-]{{1,30}}){{2,9}}(?:{GAP}{UNIT}\b)?)",
    re.IGNORECASE,
)
HAN = "(?:(?![是到在往至于住寄送去的为了])[\u4e00-\u9fff])"
CHINESE = re.compile(
    rf"(?:{HAN}{{2,7}}(?:省|自治区))?(?:{HAN}{{2,6}}市)?(?:{HAN}{{1,6}}[区县])?(?:{HAN}{{1,6}}(?:镇|乡|街道))?"
    rf"{HAN}{{1,8}}(?:路|街|巷|弄|胡同|大道)(?:{HAN}{{0,3}})?\d{{1,5}}[号弄](?:{HAN}{{0,8}}?[\dA-Za-z-]{{1,6}}(?:号楼|栋|幢|座|楼|单元|室|房|层|号)){{0,4}}"
)
CHINESE_HINT = re.compile("[路街巷弄道]")
DIGIT = re.compile(r"\d")


def find_addresses(text: str) -> list[tuple[int, int]]:
    """Character ranges of postal addresses in `text`, in order, without overlaps."""
    if not DIGIT.search(text):
        return []
    patterns = [STREET_FIRST, UNIT_OR_BOX, POSTCODE]
    if ENDING_HINT.search(text):
        patterns.append(STREET_ENDING)
    if CHINESE_HINT.search(text):
        patterns.append(CHINESE)
    ranges = [match.span() for match in NUMBERED.finditer(text) if not SENTENCE.search(match.group())]
    ranges += [match.span() for pattern in patterns for match in pattern.finditer(text)]
    return _merged(text, ranges + [match.span("value") for match in ANNOUNCED.finditer(text)])


def _merged(text: str, ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """In order, each with the places that follow it, overlapping ones as one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if follows := CONTINUES.match(text, end):
            end = follows.end()
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
