"""What Slack sends: authenticated, acknowledged, parsed and handed to dispatch. It posts nothing itself."""
