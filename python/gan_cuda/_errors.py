"""Exceptions, with the messages of the command line."""


class Error(RuntimeError):
    """Something failed: a file, a device, a checkpoint, a loss that is not finite."""


class UsageError(Error, ValueError):
    """An argument that does not exist, is out of range, or does not fit the others."""
