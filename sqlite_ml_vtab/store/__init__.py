"""The shadow tables. Every line of SQL stands in this folder, and names its schema and quotes every identifier."""
