"""Which pages are there? The map's shell and the plain pages; nobody imports from here but `create_app`."""
