"""Counts a GGUF model's tokens quickly, with its own tokenizer, converted once and cached.

Knows nothing of prompts or servers; importing it does not import transformers.
"""

from __future__ import annotations

import os
import struct
import tempfile
from pathlib import Path

from tokenizers import Tokenizer

from assistant.engines.control_tokens import ControlTokens
from assistant.errors import InvalidInput


class TokenCounter:
    """Number of tokens of a text; microseconds for a short one. `control` are the model's control tokens."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.control = ControlTokens(t.content for t in tokenizer.get_added_tokens_decoder().values() if t.special)

    def count(self, text: str) -> int:
        """Tokens of `text` alone, without those a chat template adds."""
        return len(self._tokenizer.encode(text, add_special_tokens=False))


def load_counter(gguf: Path, cache: Path) -> TokenCounter:
    """The counter of `gguf`, from the folder `cache` after the first time (which takes seconds).

    Raises InvalidInput when the file is no GGUF model whose tokenizer can be read.
    """
    status = gguf.stat()
    path = cache / f"{gguf.stem}-{status.st_size}-{status.st_mtime_ns}.tokenizer.json"
    if not path.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        _convert(gguf, path)
    return TokenCounter(Tokenizer.from_file(str(path)))


def _convert(gguf: Path, path: Path) -> None:
    """Write the tokenizer of `gguf` to `path`, all or nothing."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name)
    except (ValueError, LookupError, struct.error, NotImplementedError, OSError) as error:
        raise InvalidInput(f"the tokenizer of {gguf} cannot be read: {str(error)[:300]}") from error
    descriptor, temporary = tempfile.mkstemp(prefix=".tokenizer-", dir=path.parent)
    os.close(descriptor)
    tokenizer.backend_tokenizer.save(temporary)
    os.replace(temporary, path)
