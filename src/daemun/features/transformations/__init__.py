"""What Gloo's transformations come to: programs for the script of `daemun.inja`, and what is wrong with them."""
