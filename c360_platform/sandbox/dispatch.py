"""From a path to its route without trying every other route first.

Belongs here: the index. Does not belong here: what a route matches; that stays Starlette's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send


class IndexedRouter(Router):
    """A router that asks only routes with as many segments and the same resource as the path.

    Routes name their resource: none has a parameter in its second segment, or third under `/api/v2`, and no
    parameter spans several segments. Raises `ValueError` for one that does.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        super().__init__(routes, redirect_slashes=False)
        groups: dict[tuple[int, str], list[Route]] = defaultdict(list)
        for route in routes:
            key = _key(route.path)
            if "{" in key[1] or ":path}" in route.path:
                raise ValueError(f"{route.path} does not name its resource")
            groups[key].append(route)
        self._groups = {key: Router(group, redirect_slashes=False) for key, group in groups.items()}
        self._nothing = Router(redirect_slashes=False)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        group = self._groups.get(_key(scope["path"]), self._nothing)
        await group.app(scope, receive, send)


def _key(path: str) -> tuple[int, str]:
    segments = path.split("/")  # ["", "api", "profiles", …] or ["", "api", "v2", "tickets", …]
    position = 3 if path.startswith("/api/v2/") else 2
    return len(segments), segments[position] if len(segments) > position else ""
