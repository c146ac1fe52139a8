"""Search for better orders of what a zoo holds, in many processes."""
