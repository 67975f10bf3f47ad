"""Shapes as types: `Float[Tensor, "tokens width"]`.

They are jaxtyping's where it is installed, and the tests check every one of them. Elsewhere, on a
machine that only runs programs, they say the same to a reader and nothing to Python.
"""

try:
    from jaxtyping import Float, Int  # pyright: ignore[reportAssignmentType]
except ImportError:

    class Float:  # type: ignore[no-redef]
        def __class_getitem__(cls, _shape):
            return object

    Int = Float

__all__ = ["Float", "Int"]
