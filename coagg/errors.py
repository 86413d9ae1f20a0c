"""The one kind of error a user can cause."""


class CoaggError(Exception):
    """A fault the user can mend: one line that names file, line or value, and the remedy.

    The command line prints it without a traceback and exits with code 2.
    """
