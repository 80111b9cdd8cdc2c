"""The APSW binding. The only place that imports apsw."""
