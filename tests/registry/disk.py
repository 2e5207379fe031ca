"""A disk that fails when it is told to, or loses its power, under the SQLite of this process.

SQLite reads and writes through a table of functions that a program may replace
(sqlite.org/vfs.html). Here it is the system's own with a count in front of some of them, which
needs no compiler, no privilege and no mount. How it is used follows SQLite's own tests
(sqlite.org/testing.html, "I/O error testing" and "Crash testing").
"""

import _sqlite3
import ctypes as c
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ERRORS = {
    "write": 778,  # SQLITE_IOERR_WRITE
    "sync": 1034,  # SQLITE_IOERR_FSYNC
    "truncate": 1546,  # SQLITE_IOERR_TRUNCATE
    "delete": 2570,  # SQLITE_IOERR_DELETE
    "open": 14,  # SQLITE_CANTOPEN
    "read": 266,  # SQLITE_IOERR_READ
    "lock": 3850,  # SQLITE_IOERR_LOCK
}
FULL = 13
CHANGES = ("write", "sync", "truncate", "delete")
SECTOR = 512


class File(c.Structure):
    """sqlite3_file: the rest of it belongs to the system's own functions."""

    _fields_ = (("methods", c.c_void_p),)


FILE = c.POINTER(File)
OPEN = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_void_p, FILE, c.c_int, c.c_void_p)
DELETE = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_char_p, c.c_int)
READ = c.CFUNCTYPE(c.c_int, FILE, c.c_void_p, c.c_int, c.c_int64)
SIZE = c.CFUNCTYPE(c.c_int, FILE, c.POINTER(c.c_int64))
TRUNCATE = c.CFUNCTYPE(c.c_int, FILE, c.c_int64)
FLAGS = c.CFUNCTYPE(c.c_int, FILE, c.c_int)


def _structure(title: str, *fields: Any) -> type[c.Structure]:
    typed = [field if isinstance(field, tuple) else (field, c.c_void_p) for field in fields]
    return type(title, (c.Structure,), {"_fields_": typed})


Methods: Any = _structure(
    "sqlite3_io_methods", ("version", c.c_int), "close", ("read", READ), ("write", READ),
    ("truncate", TRUNCATE), ("sync", FLAGS), ("size", SIZE), ("lock", FLAGS), "unlock",
    "reserved", "control", "sector", "characteristics", "map", "shared_lock", "barrier", "unmap",
    "fetch", "unfetch",
)  # fmt: skip
System: Any = _structure(
    "sqlite3_vfs", ("version", c.c_int), ("file_size", c.c_int), ("longest", c.c_int), "next",
    ("name", c.c_char_p), "data", ("open", OPEN), ("delete", DELETE), "access", "full_path",
    "dl_open", "dl_error", "dl_symbol", "dl_close", "random", "sleep", "time", "last_error",
    "time_64", "set_call", "get_call", "next_call",
)  # fmt: skip


class Disk:
    """Counts what SQLite asks of the disk, and fails it from the n-th time on.

    Use `with failing_disk() as disk`.
    """

    def __init__(self, system: Any) -> None:
        self._system = system
        self._kinds: tuple[str, ...] = ()
        self._left = 0
        self._times = 0.0
        self._full = self._cut = False
        self.failed = False
        self._paths: dict[int, Path | None] = {}
        self._synced: dict[Path, bytes] = {}
        self._methods: dict[int, Any] = {}
        self.table = System.from_buffer_copy(system)
        self.table.name = b"failing"
        self.table.open = OPEN(self._open)
        self.table.delete = DELETE(self._delete)

    @contextmanager
    def fails(
        self, *kinds: str, nth: int, times: float = 1, full: bool = False, cut: bool = False
    ) -> Iterator[None]:
        """From the n-th operation on.

        Args:
            kinds: keys of `ERRORS`.
            nth: counted over all of the kinds.
            times: how many fail, one after the other.
            full: whether writing says that there is no room, rather than that it failed.
            cut: whether the power is gone: nothing happens any more, and `lose` tells the rest.
        """
        self._kinds, self._left, self._times = kinds, nth, times
        self._full, self._cut, self.failed = full, cut, False
        try:
            yield
        finally:
            self._kinds, self._cut = (), False

    def lose(self, chance: random.Random) -> None:
        """Each sector is as the disk confirmed it last, or as it was written since."""
        for path, synced in self._synced.items():
            written = path.read_bytes()
            size = len(chance.choice((synced, written)))
            old, new = synced.ljust(size, b"\0"), written + synced[len(written) :]
            starts = range(0, size, SECTOR)
            path.write_bytes(b"".join(chance.choice((old, new))[at : at + SECTOR] for at in starts))
        self._synced.clear()

    def _code(self, kind: str) -> int:
        """Of the error, or 0."""
        if self._cut and self.failed:
            return ERRORS[kind]
        if kind in self._kinds:
            self._left -= 1
            if -self._times < self._left <= 0:
                self.failed = True
                return FULL if self._full and kind == "write" else ERRORS[kind]
        return 0

    def _open(self, _: Any, name: int, file: Any, flags: int, found: Any) -> int:
        file.contents.methods = None
        code = self._code("open")
        code = code or self._system.open(c.addressof(self._system), name, file, flags, found)
        if code == 0:
            path = None if name is None else Path(c.string_at(name).decode())
            self._paths[c.addressof(file.contents)] = path
            given = Methods.from_address(file.contents.methods)
            if path not in self._synced:
                self._remember(given, file)
            file.contents.methods = c.addressof(self._counted(given))
        return code

    def _remember(self, given: Any, file: Any) -> None:
        """What the disk has now; read through SQLite's own file, whose locks another would drop."""
        path = self._paths.get(c.addressof(file.contents))
        if path is not None:
            size = c.c_int64()
            given.size(file, c.byref(size))
            content = c.create_string_buffer(size.value)
            given.read(file, content, size.value, 0)
            self._synced[path] = content.raw

    def _counted(self, given: Any) -> Any:
        """The functions of a kind of file, with the count in front."""
        address = c.addressof(given)
        if address not in self._methods:
            own = self._methods[address] = Methods.from_buffer_copy(given)
            own.read = READ(lambda *a: self._code("read") or given.read(*a))
            own.lock = FLAGS(lambda *a: self._code("lock") or given.lock(*a))
            own.truncate = TRUNCATE(lambda *a: self._code("truncate") or given.truncate(*a))
            own.write = READ(lambda *a: self._write(given, *a))
            own.sync = FLAGS(lambda *a: self._sync(given, *a))
        return self._methods[address]

    def _write(self, given: Any, file: Any, data: int, size: int, at: int) -> int:
        code = self._code("write")
        if code == 0:
            return int(given.write(file, data, size, at))
        if not self._cut:
            given.write(file, data, size // 2, at)  # it may have come that far
        return code

    def _sync(self, given: Any, file: Any, flags: int) -> int:
        code = self._code("sync") or given.sync(file, flags)
        if code == 0:
            self._remember(given, file)
        return code

    def _delete(self, _: Any, name: bytes, sync: int) -> int:
        code = self._code("delete") or self._system.delete(c.addressof(self._system), name, sync)
        if code == 0:
            self._synced.pop(Path(name.decode()), None)
        return code


@contextmanager
def failing_disk() -> Iterator[Disk]:
    """Under every SQLite file that this process opens meanwhile."""
    library = c.CDLL(_sqlite3.__file__ if hasattr(_sqlite3, "__file__") else None)
    find: Callable[..., Any] = library.sqlite3_vfs_find
    find.restype = c.POINTER(System)  # type: ignore[attr-defined]
    system = find(None).contents
    disk = Disk(system)
    library.sqlite3_vfs_register(c.byref(disk.table), 1)
    try:
        yield disk
    finally:
        library.sqlite3_vfs_register(c.byref(system), 1)
        library.sqlite3_vfs_unregister(c.byref(disk.table))
