"""SHOW: pages, API, live pushes, jobs. Knows data and geo."""
