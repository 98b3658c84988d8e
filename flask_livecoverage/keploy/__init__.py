"""Keploy: the agent that tells it which lines a test executed, and the replay of the test cases that it recorded."""
