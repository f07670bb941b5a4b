"""Other implementations, one file each. A peer that is not installed raises ImportError or Unavailable when it is asked for a call."""
