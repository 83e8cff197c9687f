"""`python -m wakeproof`."""

from wakeproof.cli import main

if __name__ == "__main__":
    main()
