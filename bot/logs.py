"""One line of JSON per thing that happened, on stderr, each with the id of the invocation it belongs to."""

import logging
import sys
from collections.abc import Callable, Mapping

import structlog


def configure(level: str, redact: Callable[[Mapping[str, object]], Mapping[str, object]]) -> None:
    """Send posbot's own lines and those of its libraries the same way, each field through *redact*."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            lambda _, __, fields: redact(fields),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.addFilter(_is_worth_it)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Their debug lines hold request headers and single-use addresses.
    for vendor in ("slack_sdk", "aiohttp", "httpx", "httpcore", "sqlalchemy", "alembic", "kubernetes"):
        logging.getLogger(vendor).setLevel(max(logging.WARNING, root.level))


def _is_worth_it(record: logging.LogRecord) -> bool:
    """Leave out what Bolt says below an error: warnings of tokens it was given otherwise, and other people’s bodies."""
    return not record.name.startswith("slack_bolt") or record.levelno >= logging.ERROR
