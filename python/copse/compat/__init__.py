"""What other stores have: for whoever moves data from them."""
