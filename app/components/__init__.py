"""How does it look? Dash components from plain values: no database, no request, no clock."""
