"""The card: its settings on the boot partition, what follows from them at each boot, the making of many."""
