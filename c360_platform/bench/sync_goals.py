"""One measured figure of a sync and what it should be.

Belongs here: the line that is printed. Does not belong here: how the figure comes about.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` in `unit` (a ratio has none), its two sides in words, and the goal, if it has one."""

    name: str
    value: float
    detail: str
    most: float | None = None
    least: float | None = None
    unit: str = ""

    @property
    def verdict(self) -> str:
        """ok, short, or nothing without a goal."""
        if self.most is None and self.least is None:
            return ""
        too_much = self.most is not None and self.value > self.most
        too_little = self.least is not None and self.value < self.least
        return "short" if too_much or too_little else "ok"

    def __str__(self) -> str:
        goals = [f"≤ {self.most:,.10g}"] if self.most is not None else []
        goals += [f"≥ {self.least:,.10g}"] if self.least is not None else []
        goal = f"  goal {' and '.join(goals)}: {self.verdict}" if goals else ""
        number = f"{self.value:,.0f} {self.unit}" if self.unit else f"{self.value:,.2f}"
        return f"{self.name} = {number}{goal}  ({self.detail})"
