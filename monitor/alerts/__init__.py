"""Episodes: what the verdicts of one family mean over time, and what is said about them."""
