"""What is in a finished label dataset: figures, plots and one page; and the plot of a single clip."""
