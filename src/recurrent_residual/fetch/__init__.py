"""Getting the archives and weights from their mirrors, and unpacking them: all that `snakemake fetch` does."""
