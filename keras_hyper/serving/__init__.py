"""TF-Serving's API: a server for one machine, and a client."""
