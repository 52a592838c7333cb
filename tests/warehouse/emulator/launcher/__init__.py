"""bqemulator 1.4.0 with the gaps closed that dlt, dbt and Google's client fall into: a test tool.

Belongs here: patches, one reason each, to be dropped when upstream has them; each has a test in
`tests/warehouse/wire/test_emulator.py`. Does not belong here: anything that the platform needs to run. The
emulator's own Python runs this (`python -m launcher start …`); nothing of ours is imported.
"""
