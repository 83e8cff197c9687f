"""Proofs for any number of members, by windows: a small-model property of the model."""
