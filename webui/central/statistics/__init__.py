"""What a school reports of its filtering: figures, without identities."""
