"""How much personal data masking finds, what it masks wrongly, and how fast it is.

Recall on the labelled sentences of `security/pii_generated_large.json.gz`, false masking there and on real
support chats. Data folder: ASSISTANT_DATA, by default ../shared/data beside the repository.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from assistant.privacy import PLACEHOLDER, Masker, MaskRules, find_personal_data

DATA = Path(os.environ.get("ASSISTANT_DATA") or Path(__file__).parents[1] / ".." / "shared" / "data")
STRUCTURED = ("EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "DOMAIN_NAME", "IP_ADDRESS")


def labelled() -> dict[str, Any]:
    """Recall by kind (every letter and digit masked), and how much of what was masked no label covers."""
    rules = MaskRules()
    total: Counter[str] = Counter()
    hit: Counter[str] = Counter()
    masked: Counter[str] = Counter()
    unlabelled: Counter[str] = Counter()
    with gzip.open(DATA / "security" / "pii_generated_large.json.gz") as file:
        records = json.load(file)
    for record in records:
        text, spans = record["full_text"], record["spans"]
        found = find_personal_data(text, rules)
        covered = {i for f in found for i in range(f.start, f.end)}
        for span in spans:
            places = range(span["start_position"], span["end_position"])
            total[span["entity_type"]] += 1
            hit[span["entity_type"]] += all(i in covered for i in places if text[i].isalnum())
        for f in found:
            masked[f.kind] += 1
            unlabelled[f.kind] += not any(s["start_position"] < f.end and f.start < s["end_position"] for s in spans)
    structured = sum(hit[k] for k in STRUCTURED) / sum(total[k] for k in STRUCTURED)
    return {
        "recall": {kind: round(hit[kind] / n, 3) for kind, n in total.most_common()},
        "recall_structured": round(structured, 4),
        "recall_person": round(hit["PERSON"] / total["PERSON"], 4),
        "masked_without_any_label": {kind: f"{unlabelled[kind]}/{n}" for kind, n in masked.most_common()},
    }


def messages(path: Path) -> Iterator[str]:
    """The message texts of a log in the contract's format."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield from (message["content"] for message in json.loads(line)["messages"])


def real_chats(path: Path, limit: int) -> dict[str, Any]:
    """What is masked in real chats, which have no labels, and a sample of it for a person to judge."""
    texts = list(islice(messages(path), limit))
    kinds: Counter[str] = Counter()
    names: list[str] = []
    start, cpu = time.perf_counter(), time.process_time()
    changed = 0
    for text in texts:
        masker = Masker()
        changed += masker.mask(text) != text
        for placeholder, original in masker.originals.items():
            kind = PLACEHOLDER.fullmatch(placeholder)
            kinds[kind.group(1) if kind else ""] += 1
            if placeholder.startswith("[NAME"):
                names.append(original)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
    return {
        "texts": len(texts),
        "texts_changed": round(changed / len(texts), 3),
        "masked": dict(kinds.most_common()),
        "texts_per_second": round(len(texts) / seconds),
        "texts_per_cpu_second": round(len(texts) / cpu_seconds),
        "names_to_judge": random.Random(0).sample(names, 60),
    }


def main() -> None:
    """Print the figures as JSON."""
    if not DATA.exists():
        sys.exit(f"no benchmark data at {DATA}: set ASSISTANT_DATA to its folder")
    find_personal_data("warm up Anna", MaskRules())
    result = {"labelled": labelled(), "airline_logs": real_chats(DATA / "airline_logs" / "dev.jsonl.gz", 6000)}
    print(json.dumps(result, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
