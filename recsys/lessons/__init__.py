"""What the lesson pages show: cold start and diversity, as pure functions over a built catalog."""
