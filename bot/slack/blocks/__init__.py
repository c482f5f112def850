"""Reports as Block Kit. Pure: no network, no clock, no state."""
