"""What opens together: the school's own site bundles."""
