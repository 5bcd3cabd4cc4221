"""What teachers may open by themselves."""
