"""The model held against real implementations."""
