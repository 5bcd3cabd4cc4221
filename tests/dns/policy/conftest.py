"""Laws are tried on a busy machine too: no example has a deadline."""

from hypothesis import settings

settings.register_profile("policy", deadline=None, max_examples=60)
settings.load_profile("policy")
