"""The program ``gan-cuda``."""

import signal
import sys

from gan_cuda import _native


def main() -> int:
    """Runs the command line of this process, and returns the exit code."""
    # The program has its own handler, which saves a checkpoint. Python sets this one unless the
    # process was started with the signal ignored.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _native.main(["gan-cuda", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
