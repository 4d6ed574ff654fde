"""A way out of an update that takes long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode


class Interruptible(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Within, ``check`` is called before each operation of torch in this thread, and what it raises ends the computation.

    The operations are the same ones, and so are the numbers. A call costs some microseconds: this is for long operations.
    """

    def __init__(self, check: Callable[[], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._check = check

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Nothing is compiled here. Otherwise torch would import its compiler at the first operation: seconds, and 150 MB.
        return False

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self._check()
        return func(*args, **(kwargs or {}))
