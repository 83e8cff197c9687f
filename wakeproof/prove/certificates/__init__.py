"""Certificates of proofs: written as SMT-LIB 2, checked by a second solver."""
