"""The rules of using the internet that stand on a room's poster until the school writes its own.

The SMART rules (Safe, Meet, Accept, Reliable, Tell) are what British primary schools teach; these are our words.
"""

SMART_RULES = (
    "Safe: I keep my name, my address, my school and my passwords to myself.",
    "Meet: I never meet somebody whom I only know from the internet, unless a parent or carer comes with me.",
    "Accept: I do not open messages, pictures or files from people I do not know.",
    "Reliable: Not everything here is true, and not everybody is who they say. I check, or I ask.",
    "Tell: If something or somebody worries me, I tell a grown-up whom I trust.",
)
