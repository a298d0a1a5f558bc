"""Runs a command as the terminal's foreground job, so that Ctrl-C reaches it and not make.

make dies of the SIGINT that it shares with its recipe, whatever the recipe returns. A command
started through this file gets the terminal to itself, ends in its own way, and its exit code is
the exit code of make. Without a terminal the command simply replaces this process.

Usage: python deploy/foreground.py COMMAND [ARGUMENT…]
"""

import os
import signal
import subprocess
import sys


def main(command: list[str]) -> int:
    """Run a command and return its exit code; a signal that ended it counts as 128 + its number."""
    terminal = sys.stdin.fileno()
    if not os.isatty(terminal) or os.tcgetpgrp(terminal) != os.getpgrp():
        os.execvp(command[0], command)  # noqa: S606 - the Makefile's own command line
    # A process that takes the terminal back while another group holds it would be stopped.
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    child = subprocess.Popen(command, process_group=0)  # noqa: S603 - the Makefile's own command line
    os.tcsetpgrp(terminal, child.pid)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: child.send_signal(received))
    try:
        code = child.wait()
    finally:
        os.tcsetpgrp(terminal, os.getpgrp())
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
