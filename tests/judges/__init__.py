"""Unmodified third-party clients read a running sandbox, and what they read is compared with what it holds.

Belongs here: which clients, how each is started, what each should read. Does not belong here: tests of the
suite; `make judges` runs this package, pytest does not collect it.
"""
