"""What edge and hub say to each other: messages, topics, the ground grid and the shared part of the site file."""
