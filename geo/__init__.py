"""WHERE: boundaries, roll-ups by area, tiles, distances. Knows data, knows no web."""
