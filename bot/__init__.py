"""
The engine of posbot: it takes requests, decides, asks the world, and answers.

What a person can ask for does not belong here but in `commands/`; only `bot.__main__` knows which commands exist.
Imports point one way (see ARCHITECTURE.md): frontends, dispatch and render, the domains, toolkit, clients and store,
settings, model, errors.
"""
