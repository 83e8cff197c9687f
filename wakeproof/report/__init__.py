"""What people read: the terminal and the committed pages."""
