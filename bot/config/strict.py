"""The base of the models that YAML files are read into."""

import pydantic


class StrictModel(pydantic.BaseModel):
    """Frozen, and an unknown key is an error."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)
