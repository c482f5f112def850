"""
Configuration: settings from the environment, and the strict models that files of `runbook_data/` are read into.

    settings        environment variables; the only module that reads them
    yaml_files      strict YAML: errors with file, line and key
    strict          the base of every model that a file is read into
    catalog         services.yaml: services, groups, tiers
    environments    environments.yaml
    roles           roles.yaml: who may run what, and where
    drift           the catalogue compared with a checkout of the backend
"""
