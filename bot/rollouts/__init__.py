"""
Rollouts of deployments: status as `kubectl rollout status` judges it, verification, history.

A layer of its own above `bot.kubernetes` and `bot.health`, because a deployment is verified by both: its pods and what
the service in them says about its health and build.
"""
