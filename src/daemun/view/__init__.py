"""What is there and how it is: views of a translation, as values. Nothing is asked of a proxy."""
