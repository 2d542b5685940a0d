"""How kernels are compiled: once, cached on disk, without the GIL."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def kernel(signature: Any = None, *, fast_math: frozenset[str] = frozenset()) -> Callable[[Kernel], Kernel]:
    """Compile a pixel loop to machine code that runs without the GIL and is cached between runs.

    ``fast_math`` names LLVM flags; ``nnan`` and ``ninf`` are refused, since they would hide bad input.
    """
    if fast_math & {"nnan", "ninf", "fast"}:
        raise ValueError("kernels must see NaN and infinity; allow only reassoc, contract, arcp, nsz or afn")

    def compile_(function: Kernel) -> Kernel:
        options: dict[str, Any] = {"cache": True, "nogil": True, "fastmath": set(fast_math) or False}
        compiler = numba.njit(signature, **options) if signature is not None else numba.njit(**options)
        return cast(Kernel, compiler(function))

    return compile_
