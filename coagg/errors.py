"""The one kind of error a user can cause, and what to do about the system's own."""

import errno


class CoaggError(Exception):
    """A fault the user can mend: one line that names file, line or value, and the remedy.

    The command line prints it without a traceback and exits with code 2.
    """


def remedy(fault: OSError) -> str:
    """What a person does about a fault of the operating system.

    Examples
    --------
    >>> remedy(OSError(errno.ENOSPC, "No space left on device"))
    'the disk is full: make room on it and call again'
    """
    if fault.errno == errno.ENOSPC:
        return "the disk is full: make room on it and call again"
    if fault.errno == errno.EDQUOT:
        return "your quota of disk space is used up: remove files or ask for more"
    if fault.errno in (errno.EACCES, errno.EPERM):
        return "ask its owner for the right, or name another place"
    if fault.errno == errno.EROFS:
        return "the disk is mounted for reading only: name another place"
    if fault.errno in (errno.EMFILE, errno.ENFILE):
        return "too many files are open: raise the limit (ulimit -n) and call again"
    if fault.errno == errno.EIO:
        return "the disk reports damage: look at the system's log and restore from a backup"
    return "check the path and its disk"
