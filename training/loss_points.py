"""The points of a loss curve.

Pure data between training and those who show it; importing it costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Point:
    """One measured moment: losses in nats a token."""

    step: int
    train_loss: float | None
    validation_loss: float
    learning_rate: float
