"""
How far a deployment has come, and whether what it brought is well.

Here belongs what is concluded from one look at a deployment, its revisions, pods and events, and how that is told.
Not here: how the cluster and the services are asked (`bot/clients/`), and which questions people have
(`commands/deploy.py`).
"""
