"""What was recorded, in the formats that other tools read."""
