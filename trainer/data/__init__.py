"""Training data: rendered pairs with the front end's real errors, and new motion that borrows those errors."""
