"""What can be taken away? A report is made once and written as CSV, XLSX or PDF: the same rows in each."""
