"""A secret key as an installation has one, and the same in every run."""

KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
