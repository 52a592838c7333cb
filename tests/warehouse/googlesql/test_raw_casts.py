"""A raw column of any type that loaders leave becomes the declared type, with one value on both engines."""

from __future__ import annotations

import pytest

from tests.warehouse.googlesql.both_engines import ENGINES, Rendered
from tests.warehouse.googlesql.equality import comparable, same
from tests.warehouse.googlesql.raw_casts import CASTS


@pytest.mark.parametrize("name", CASTS)
def test_a_loaded_value_becomes_the_declared_one(rendered: Rendered, name: str) -> None:
    cast = CASTS[name]

    found = rendered.run(name, {"v": cast.present}, [(loaded,) for loaded, _ in cast.values])

    for engine in ENGINES:
        values = {row["n"]: row["value"] for row in found[engine]}
        for n, (loaded, wanted) in enumerate(cast.values):
            assert same(comparable(wanted), comparable(values[n])), (
                f"{engine}: {loaded!r} became {values[n]!r}"
            )
