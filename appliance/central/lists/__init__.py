"""Lists at central: subscribed sources, and how they become the index that rooms use."""
