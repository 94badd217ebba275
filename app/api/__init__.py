"""What can other programs ask and tell? REST under /api/v1, in JSON, with one shape of error."""
