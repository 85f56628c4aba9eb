"""`python -m jaxvqa` is the command `jaxvqa`."""

from .cli import entry

if __name__ == "__main__":
    entry()
