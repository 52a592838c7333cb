"""Random worlds against the sync engine: `make chaos N=…` (see `__main__`).

Belongs here: worlds with random models, edits, faults and kills, and the invariants that hold whatever
happens. Does not belong here: any of the engine's own reckoning. What should be in Klaviyo is worked out in
plain Python.

    shop          the three syncs and their tables        edits      what happens to the models
    account       Klaviyo before, and read back           mishaps    faults, kills, slowness
    runner        runs in processes that can be killed    expected   what must be true
    world         one world from its birth to its judgement
"""
