"""Proofs by induction, for given sizes and for any number of members."""
