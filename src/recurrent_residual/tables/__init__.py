"""Every number of the report, each with its provenance, in one structure: `tables.json`.

The HTML page, the LaTeX files, the plots and the exports are views of it and compute nothing. Errors are shares
(0.236); differences are in points (hundredths): ours minus the paper's, so +1.3 is worse than the paper by 1.3 points.
config/schema/tables.yaml says what each key is.
"""

from recurrent_residual.tables.collecting import SCHEMA, collect, groups_of

__all__ = ["SCHEMA", "collect", "groups_of"]
