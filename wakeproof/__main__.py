"""`python -m wakeproof`."""

from wakeproof.main import main

if __name__ == "__main__":
    main()
