"""Which part of the page follows which? Each module has `register(dash, services)`; nothing happens at import."""
