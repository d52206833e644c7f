"""The plate reader: its network, its crops, its training, its export."""
