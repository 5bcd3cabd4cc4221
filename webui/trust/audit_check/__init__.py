"""Whether the audit is whole."""
