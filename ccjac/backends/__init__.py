"""What a framework's plugin provides, and how plugins are found."""
