"""The TF-Serving API: a server for one machine, and a client."""
