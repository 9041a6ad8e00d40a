"""From picture files to training, validation and benchmark pairs."""
