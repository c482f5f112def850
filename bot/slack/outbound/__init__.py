"""What posbot shows in Slack: replies, live messages, followed logs and files. It decides where and how often."""
