"""Pod logs: bytes → line splitter → multiline parser → filters and context → tail buffer, read once or followed."""
