"""The model's runtime layers against the released crates, call by call."""
