"""The agent: follows central, keeps what the room must remember, and answers the pages."""
