"""The one exception for things a user can mend."""


class InputError(Exception):
    """Bad input: a file, row or setting that the user can put right.

    The message is one line that names the file, row or setting, what was found, and what would be
    right. The command line prints it without a traceback and exits with code 2.
    """
