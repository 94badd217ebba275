"""What did a load keep, refuse and flag? In words, for the person who started it."""

from __future__ import annotations

from data.packs.country import Finding
from data.packs.load import Loaded


def told(loaded: Loaded) -> str:
    """One line for what was loaded, one for each finding, with examples and what to do."""
    if loaded.unchanged:
        return f"{loaded.code} is loaded from exactly these files already; nothing was changed."
    counts = ", ".join(f"{count:,} {name}" for name, count in loaded.counts.items())
    return "\n".join([f"{loaded.code} is loaded: {counts}.", *(_line(finding) for finding in loaded.findings)])


def _line(finding: Finding) -> str:
    examples = f"\n{'':22}e.g. {'; '.join(finding.examples)}" if finding.examples else ""
    remedy = f" {finding.remedy}" if finding.remedy else ""
    return f"  {finding.severity:<9}{finding.count:>9,}  {finding.table}: {finding.reason}.{remedy}{examples}"
