"""What pupils ask their teacher for: the teacher answers with one tap."""
