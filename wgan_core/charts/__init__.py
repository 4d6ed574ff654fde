"""What views look like: charts as plain descriptions of figures, which plotly draws in a page or a report."""
