"""What follows from the record: demand, risk and state. Pure: values in, values out, no I/O."""
