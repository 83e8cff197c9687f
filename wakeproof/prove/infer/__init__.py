"""The search for lemmas: property-directed reachability."""
