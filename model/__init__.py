"""The wasip3 async task C ABI as a state machine."""
