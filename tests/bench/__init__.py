"""How fast is it, beside what it could be? `python -m tests.bench` measures figures and their baselines in one run."""
