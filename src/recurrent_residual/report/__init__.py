"""Views of `tables.json`: an HTML page with plots, and a LaTeX file. They lay out; every number is computed before."""
