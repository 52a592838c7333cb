"""Stand-ins for Klaviyo and Zendesk over HTTP, and the synthetic world that fills them and a warehouse.

Belongs here: what the two services document (and nothing they do not do), limits, faults, a movable clock.
Does not belong here: anything the platform itself needs; only `cli` and the tests import this package.
"""
