"""The machine interface of central: what rooms call."""
