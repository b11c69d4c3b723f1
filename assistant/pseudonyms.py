"""Hashes that stand for a customer or a conversation where the id itself must not be kept.

One-way, but not secret: whoever knows an id can compute its hash, which is what finding somebody's traces needs.
"""

from __future__ import annotations

import hashlib


def customer_hash(customer_id: str) -> str:
    """32 hexadecimal digits for a customer's id."""
    return _hash("customer", customer_id)


def conversation_hash(conversation_id: str) -> str:
    """32 hexadecimal digits for the id of a stored conversation, or the key of one in a log file."""
    return _hash("conversation", conversation_id)


def _hash(kind: str, value: str) -> str:
    return hashlib.sha256(f"assistant {kind}\n{value}".encode()).hexdigest()[:32]
