"""Text files that are there whole or not at all, whatever moment the process is killed or the power fails.

Knows files; nothing of what is in them.
"""

from __future__ import annotations

import os
from pathlib import Path

from assistant.file_hashes import sync_folder


def write_whole(path: Path, text: str) -> None:
    """Replace the file in one durable step; two writers at once leave the text of one of them."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)
