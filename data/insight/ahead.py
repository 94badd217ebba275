"""What is ahead of a position, over which days?"""

#: Days ahead for which the probability of running out is given.
HORIZONS = (7, 14, 30, 60, 90)
