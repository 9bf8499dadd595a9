"""The package's own tests: python3 -m unittest discover -s python -t python."""
