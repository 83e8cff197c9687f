"""The model over terms: symbolic execution, Z3, clauses, SMT-LIB, bounded model checking."""
