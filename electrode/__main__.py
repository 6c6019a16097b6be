"""`python -m electrode`, which `torchrun -m electrode` needs."""

from electrode.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
