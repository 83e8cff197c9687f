"""Progress: what happens at last in every fair run, decided on the whole graph of states."""
