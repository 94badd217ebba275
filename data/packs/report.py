"""What is a person told about a pack? What was kept, what was refused and what is odd, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from data.packs.country import Finding

_HEADINGS = {
    "kept": "Kept",
    "refused": "Refused: not loaded, nothing else is lost by it",
    "flagged": "Flagged: loaded, and worth a look",
}


def report(findings: Iterable[Finding]) -> str:
    """The findings as plain text: a count, the table, the reason, then what to do and examples with row numbers."""
    found = list(findings)
    width = max((len(f"{finding.count:,}") for finding in found), default=1)
    lines: list[str] = []
    for severity, heading in _HEADINGS.items():
        of_kind = [finding for finding in found if finding.severity == severity]
        if of_kind:
            lines += ["", heading] if lines else [heading]
        for finding in of_kind:
            lines += _lines(finding, width)
    return "\n".join(lines)


def _lines(finding: Finding, width: int) -> Iterator[str]:
    yield f"  {finding.count:>{width},}  {finding.table}: {finding.reason}"
    margin = " " * (width + 4)
    if finding.remedy:
        yield f"{margin}{finding.remedy}"
    for example in finding.examples:
        yield f"{margin}- {example}"
    if finding.examples and finding.count > len(finding.examples):
        yield f"{margin}- and {finding.count - len(finding.examples):,} more"
