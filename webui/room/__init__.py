"""The teacher's pages and the block page, served in each room."""
