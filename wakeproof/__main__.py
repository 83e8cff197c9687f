"""`python -m wakeproof`."""

import signal

if __name__ == "__main__":
    # an interrupt ends the process until `main` handles it: no traceback of an import
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from wakeproof.main import main

    main()
