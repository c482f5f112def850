"""
Everything that knows Slack. Nothing else in posbot imports Slack's libraries, or knows a channel from a DM.

    service     all of it, assembled for `posbot serve`
    inbound     what Slack sends: payloads, listeners, both transports, App Home, manifest
    outbound    what posbot shows: replies, live messages, followed logs, uploads, the edit rate limit
    blocks      Block Kit; pure functions of a report
    client      Slack's Web API, its retries and its errors

Imports point down: service, inbound, outbound, blocks and client.
"""
