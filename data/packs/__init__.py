"""Country packs: a folder with pack.toml and files becomes one Country value, and that value becomes rows."""
