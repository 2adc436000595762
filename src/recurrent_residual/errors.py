"""The one exception for everything a user can mend."""


class UserError(Exception):
    """Bad input: one line that names the file or key, says what is wrong and what to do.

    `recurrent_residual.cli.run` prints it without a traceback and exits with status 1.
    """
