"""Numbers in the binary format of WebAssembly."""

from __future__ import annotations


def leb128(value: int) -> bytes:
    """Encode an unsigned number: seven bits a byte, the lowest first."""
    more, rest = value & 0x7F, value >> 7
    return bytes([more | 0x80]) + leb128(rest) if rest else bytes([more])
