"""Who may see what, when and why: the policy document and the decision as a pure function."""
