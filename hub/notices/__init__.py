"""The public notice and the data-protection impact assessment, written from the configuration (docs/notices.md)."""
