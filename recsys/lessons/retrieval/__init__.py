"""What the Retrieval page teaches: what was measured of the engines, and how they work inside."""
