"""The base of every model that a YAML file is read into."""

import pydantic


class StrictModel(pydantic.BaseModel):
    """Frozen, and an unknown key is an error."""

    model_config = pydantic.ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, use_attribute_docstrings=True
    )
