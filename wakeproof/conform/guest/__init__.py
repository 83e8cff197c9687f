"""The model's runtime layers compared with the released crates, natively and call by call."""
