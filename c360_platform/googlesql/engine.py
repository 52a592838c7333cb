"""Google's SQL engine as a WebAssembly module inside this process.

Belongs here: loading the module of the `zetasql` wheel, its compiled form on disk, one call. Does not belong
here: what is asked (analyser.py, evaluator.py). The wheel's own client is not used: it compiles 28 MB anew in
every process (half a minute) and copies memory byte by byte in Python.
"""

from __future__ import annotations

import atexit
import ctypes
import hashlib
import os
import platform
import re
import threading
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

Message = TypeVar("Message")

_POINTER_BYTES = 4  # the module is wasm32
_REFUSAL = re.compile(r"Code: (\d+), Message: (.*)", re.DOTALL)


class EngineUnavailable(RuntimeError):  # noqa: N818  (reads as what happened)
    """The analyser is not installed; the message says what to install."""


class EngineStopped(RuntimeError):  # noqa: N818  (reads as what happened)
    """The module died of a statement (out of memory or stack). The next `engine()` is a fresh one."""


class StatementRefused(Exception):  # noqa: N818  (reads as what happened)
    """The engine's answer is an error; the text is its own, with its position, such as `[at 3:14]`."""


class Engine:
    """One instance of the module. Calls of several threads wait for each other."""

    def __init__(self) -> None:
        import wasmtime

        _allow_deep_answers()
        config = wasmtime.Config()
        config.shared_memory = True
        compiler = wasmtime.Engine(config)
        wasi = wasmtime.WasiConfig()
        wasi.inherit_stderr()
        if zones := _time_zones():
            wasi.preopen_dir(zones, "/usr/share/zoneinfo")
        self._trap = wasmtime.Trap
        self._lock = threading.Lock()
        self._store = wasmtime.Store(compiler)
        self._store.set_wasi(wasi)
        linker = wasmtime.Linker(compiler)
        linker.define_wasi()
        instance = linker.instantiate(self._store, _compiled_module(compiler))
        self._exports = instance.exports(self._store)
        self._exports["_initialize"](self._store)
        self._memory = self._exports["memory"]

    def call(self, method: str, request: Any, response: type[Message]) -> Message:
        """Answer of one method of Google's `ZetaSqlLocalService`; both sides are its protobuf messages.

        Raises `StatementRefused` with the engine's reason, `EngineStopped` when the module itself died.
        """
        with self._lock:
            try:
                answer = self._call(f"ZetaSqlLocalService_{method}", request.SerializeToString())
            except self._trap as trap:
                _forget(self)
                raise EngineStopped(str(trap).splitlines()[0]) from None
        return response.FromString(answer)  # type: ignore[attr-defined, no-any-return]

    def _call(self, function: str, request: bytes) -> bytes:
        sent = self._exports["wasm_malloc"](self._store, len(request) + _POINTER_BYTES)
        size = sent + len(request)
        try:
            ctypes.memmove(self._address(sent), request, len(request))
            got = self._exports[function](self._store, sent, len(request), size)
            if not got:
                raise StatementRefused(self._last_error())
            try:
                return self._read(got, int.from_bytes(self._read(size, _POINTER_BYTES), "little"))
            finally:
                self._exports["wasm_free"](self._store, got)
        finally:
            self._exports["wasm_free"](self._store, sent)

    def _last_error(self) -> str:
        size = self._exports["wasm_get_last_error_size"](self._store)
        said = self._read(self._exports["wasm_get_last_error"](self._store), size).decode() if size else ""
        found = _REFUSAL.fullmatch(said)
        return found[2] if found else said

    def _read(self, pointer: int, size: int) -> bytes:
        return ctypes.string_at(self._address(pointer), size)

    def _address(self, pointer: int) -> int:
        """Where a pointer of the module lies in this process; asked each time, because its memory grows."""
        return ctypes.addressof(self._memory.data_ptr().contents) + pointer


_engine: Engine | None = None
_starting = threading.Lock()


def engine() -> Engine:
    """This process's engine: 0.1 s when the compiled module is cached, 20 to 50 s the very first time.

    Raises `EngineUnavailable` when the wheel is missing.
    """
    global _engine  # noqa: PLW0603  (one instance per process, because it is 200 MB)
    with _starting:
        if _engine is None:
            require_engine()
            _engine = Engine()
            atexit.register(_forget, _engine)  # later, what wasmtime needs to take it down is gone
        return _engine


def require_engine() -> None:
    """Raise `EngineUnavailable` when what the analyser needs is not installed. Loads nothing."""
    missing = [name for name in ("zetasql", "wasmtime") if find_spec(name) is None]
    if missing:
        raise EngineUnavailable(
            f"Google's SQL analyser is not installed ({', '.join(missing)} missing): "
            'run `pip install "c360-platform[dev]"`'
        )


def engine_version() -> str:
    """What the analyser's answers depend on, to name caches by."""
    try:
        return f"zetasql-{version('zetasql')}-wasmtime-{version('wasmtime')}"
    except PackageNotFoundError:
        require_engine()
        raise


def cache_directory() -> Path:
    """This user's directory for what is slow to make and harmless to lose."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "c360"


def _allow_deep_answers() -> None:
    """Protobuf stops at 100 levels; the tree of a long concatenation is deeper."""
    from google.protobuf.internal import api_implementation

    if api_implementation.Type() == "upb":
        from google._upb import _message

        _message.SetAllowOversizeProtos(True)


def _forget(stopped: Engine) -> None:
    global _engine  # noqa: PLW0603
    with _starting:
        if _engine is stopped:
            _engine = None


def _time_zones() -> str | None:
    found = find_spec("tzdata")
    locations = found.submodule_search_locations if found else None
    return str(Path(locations[0]) / "zoneinfo") if locations else None


def _wasm_file() -> Path:
    found = find_spec("zetasql.wasi")
    if found is None or not found.origin:
        raise EngineUnavailable("the zetasql package holds no zetasql.wasi: install it anew")
    return Path(found.origin).parent / "zetasql.wasm"


def _compiled_module(compiler: Any) -> Any:
    """The module from the cache, or compiled into it first; parallel processes compile once."""
    import wasmtime
    from filelock import FileLock

    file = _wasm_file()
    made_from = f"{engine_version()}:{file.stat().st_size}:{platform.system()}:{platform.machine()}"
    path = cache_directory() / f"zetasql-{hashlib.sha256(made_from.encode()).hexdigest()[:16]}.cwasm"
    if (cached := _cached_module(compiler, path)) is not None:
        return cached
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(path.with_suffix(".lock")):
            if (cached := _cached_module(compiler, path)) is not None:
                return cached
            module = wasmtime.Module.from_file(compiler, str(file))
            partial = path.with_suffix(f".{os.getpid()}")
            partial.write_bytes(module.serialize())
            partial.replace(path)
            return module
    except OSError:  # a read-only home: slow, but it works
        return wasmtime.Module.from_file(compiler, str(file))


def _cached_module(compiler: Any, path: Path) -> Any | None:
    import wasmtime

    if not path.exists():
        return None
    try:
        return wasmtime.Module.deserialize_file(compiler, str(path))
    except wasmtime.WasmtimeError:  # of another processor or cut short
        return None
