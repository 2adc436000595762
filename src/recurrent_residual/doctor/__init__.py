"""What this machine has and lacks for a full run: `examine` looks, `rows` has the table.

The doctor is called when something is broken. So its modules import nothing at the top but the standard library and
light modules of this package, and a check that fails is a row that says so.
"""
