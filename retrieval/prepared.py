"""What an embedder folder says about itself when its transformer was converted beforehand.

Such a folder holds `tokenizer.json`, a CTranslate2 model in `ctranslate2/` and `embedder.json` with these fields;
it loads in a second, without torch. Knows nothing of texts or vectors.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

ABOUT = "embedder.json"
WEIGHTS = "ctranslate2"
TOKENIZER = "tokenizer.json"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A converted model whose vectors are the mean of its last layer, less `centre`, at unit length.

    Vectors of some models all lie in a narrow cone; less the mean of ordinary sentences they spread out, so that
    cosines mean about the same as another model's. `numbers`: what it computes with.
    """

    name: str
    dimension: int
    max_tokens: int
    unknown: int  # token number of what the model cannot read
    query_prompt: str
    passage_prompt: str
    centre: tuple[float, ...] = ()
    numbers: str = "float32"

    def save(self, folder: Path) -> None:
        """Write the description into its folder."""
        (folder / ABOUT).write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def of(cls, folder: Path) -> Prepared | None:
        """The description of a folder, or None when it is a folder of another kind."""
        try:
            about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return None
        return cls(**{**about, "centre": tuple(about["centre"])})
