"""memsink: objects that rest on memory of another object are told before that memory goes away.

A protocol in C: see memsink.h, in the folder that get_include() names. Of use in Python is only
that this package is there: extensions import it when they are loaded.
"""
import os

from . import _memsink  # noqa: F401

__version__ = "2.0.0"


def get_include():
    """The folder of memsink.h, for a compiler's -I."""
    return os.path.dirname(os.path.abspath(__file__))
