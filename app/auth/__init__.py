"""Who is asking, and what may they do where? Passwords, sessions, tokens, grants and form tokens."""
