"""python -m lowbit.cli, where the command is not on the path."""

import sys

from lowbit.cli import main

sys.exit(main())
