"""
Everything that knows Slack. Nothing else in posbot imports Slack's libraries, or knows a channel from a DM.

    inbound     what Slack sends: payloads, listeners, both transports, App Home, manifest
    outbound    what posbot shows: replies, live messages, followed logs, uploads, the edit rate limit
    blocks      Block Kit; pure functions of a report
    client      Slack's Web API, its retries and its errors

Imports point down: inbound, outbound, blocks and client.
"""
