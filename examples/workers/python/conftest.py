"""Makes the clients importable for the tests."""
