"""WHAT and WHEN: sources in, the record of stock kept, what follows from it. No geometry maths, no web."""

from data import binary as binary
