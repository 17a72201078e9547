"""screen.py TEXT PROGRAM...: starts PROGRAM in a terminal and waits until its screen shows TEXT. Fails with
the screen where it does not.
"""

import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time

PATIENCE = 60
ROWS, COLUMNS = 40, 120

text = sys.argv[1].encode()
program, terminal = pty.fork()
if program == 0:
    os.environ["TERM"] = "xterm"
    os.execvp(sys.argv[2], sys.argv[2:])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
screen, until = b"", time.time() + PATIENCE
while text not in screen:
    if not select.select([terminal], [], [], max(0, until - time.time()))[0]:
        sys.exit(f"no {text} in {screen}")
    try:
        screen += os.read(terminal, 4096)
    except OSError:  # how Linux says that the program has ended
        sys.exit(f"no {text} in {screen}")
