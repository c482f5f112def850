"""
Everything that knows Kubernetes: the API client, workloads, pod logs and the diagnosis of failed starts.

Only this package imports Kubernetes' libraries. It reads and never changes a cluster. Health, the runbook and commands
are unknown here: what a report needs of them is passed in. A rollout's verification needs health as well and is
`bot.rollouts`, one layer above.
"""
