"""The PyTorch backend of ccjac."""
