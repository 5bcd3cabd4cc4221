"""The image of the card: built from Debian's packages and our wheel, and looked into afterwards.

`build.py` tells the story, each step in its own file; `verify.py` trusts none of it and reads the finished image.
"""
