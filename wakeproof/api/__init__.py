"""The public API, without a terminal; users import its names from `wakeproof`."""
