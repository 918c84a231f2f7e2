"""What policies of options say, where they attach, how several of them become one, and what is told of them."""
